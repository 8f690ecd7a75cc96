"""last-sshd-failed: the last boot's own words that the SSH server did not start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.model import Severity, Step, Symptom
from tests.checking import causes, only_finding
from tests.remembering import ACCEPTED, KERNEL, LINUX, SSHD, SYSTEMD, Said
from tests.trees import server
from tests.unit.checks.test_last_boot_failed import NOW, of, old

pytestmark = pytest.mark.unit

REACHED: Said = (SYSTEMD, "Reached target multi-user.target - Multi-User System.")
FAILED: Said = (SYSTEMD, "Failed to start ssh.service - OpenBSD Secure Shell server.")
CONSOLE = (
    "[    0.0] Linux version 6.1.0\n[    1.0] systemd[1]: systemd 252 running in system mode\n"
    "[\033[0;1;31mFAILED\033[0m] Failed to start \033[0;1;39m{}\033[0m.\n[  OK  ] Reached target multi-user.target\n"
    "\nlab login: "
)


def test_the_journal_says_so() -> None:
    finding = only_finding(of(((KERNEL, LINUX), FAILED, REACHED)), "last-sshd-failed", NOW)
    assert (finding.severity, finding.step, finding.symptom) == (Severity.DOUBTFUL, Step.SERVICE, Symptom.REFUSED)
    assert "Failed to start ssh.service" in finding.message


@pytest.mark.parametrize("unit", ["ssh.service - OpenBSD Secure Shell server", "OpenBSD Secure Shell server"])
def test_a_saved_console_says_so(unit: str) -> None:
    client = replace(NOW, console=CONSOLE.format(unit))
    assert "Failed to start" in only_finding(old(server()), "last-sshd-failed", client).message


@pytest.mark.parametrize(
    "said",
    [
        ((KERNEL, LINUX), REACHED),
        ((KERNEL, LINUX), FAILED, (SSHD, "Server listening on 0.0.0.0 port 22."), REACHED),
        ((KERNEL, LINUX), FAILED, (SSHD, ACCEPTED)),
        ((KERNEL, LINUX), (SYSTEMD, "Failed to start fwupd.service - Firmware update daemon."), REACHED),
        ((KERNEL, LINUX), (SYSTEMD, "Failed to start ssh-agent.service - OpenSSH key agent."), REACHED),
    ],
    ids=["all went well", "it listened later", "somebody got in", "another unit", "another unit of ssh"],
)
def test_what_is_no_failure_of_sshd(said: tuple[Said, ...]) -> None:
    assert "last-sshd-failed" not in causes(of(said), NOW)


def test_after_a_change_it_says_nothing() -> None:
    tree = of(((KERNEL, LINUX), FAILED, REACHED))
    config = tree.lentry("/etc/ssh/sshd_config")
    assert config is not None
    changed = tree.with_entries({"/etc/ssh/sshd_config": replace(config, mtime=int(2e18))}, edited=False)
    assert causes(changed, NOW) == []


def test_where_another_check_says_why_it_is_silent() -> None:
    tree = of(((KERNEL, LINUX), FAILED, REACHED), {"/etc/ssh/sshd_config": "PermitRotLogin no\n"})
    assert causes(tree, NOW) == ["sshd-config-error"]
