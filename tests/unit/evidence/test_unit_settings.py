"""Lines of the SSH server's unit that nobody knows the effect of."""

from __future__ import annotations

import pytest

from rescue.tree import symlink
from tests.judging import gaps, gaps_of
from tests.trees import server

pytestmark = pytest.mark.unit

DROP_IN = "/etc/systemd/system/ssh.service.d/local.conf"


@pytest.mark.parametrize(
    "line",
    [
        "PrivateNetwork=yes",
        "User=nobody",
        "NoNewPrivileges=yes",
        "MemoryMax=20M",
        "TasksMax=9",
        "SystemCallFilter=@system-service @setuid @privileged",
        "InaccessiblePaths=/run/x",
        "BindReadOnlyPaths=/run/etc:/etc",
        "RootDirectory=%h/x",
        "LimitNOFILE=30",
        "LimitAS=60M",
        "IPAddressDeny=any",
        "AppArmorProfile=x",
        "Environment=LD_PRELOAD=/x.so",
        "EnvironmentFile=/nowhere",
        "Type=simple",
        "ExecStartPre=/bin/false",
        "ExecStartPre=/usr/local/bin/check",
        "ExecStartPost=/bin/sh -c 'systemctl stop ssh'",
        "ExecStart=\nExecStart=/usr/sbin/sshd -i",
        "ExecStart=\nExecStart=/usr/local/sbin/wrapper",
        "RuntimeMaxSec=3",
        "NoSuchSetting=1",
        "UMask=0777",
    ],
)
def test_a_line_of_unknown_effect_is_told(line: str) -> None:
    assert ("service", "unit-settings") in gaps_of({DROP_IN: f"[Service]\n{line}\n"})


@pytest.mark.parametrize(
    "line",
    [
        "Requires=nosuch.service",
        "BindsTo=sys-subsystem-net-devices-eth0.device",
        "Conflicts=basic.target",
        "ConditionVirtualization=kvm",
        "ConditionHost=other",
        "ConditionKernelVersion=>99",
        "JobTimeoutSec=1ms",
        "Before=sysinit.target",
        "After=own.service",
        "RequiresMountsFor=/srv",
        "StopWhenUnneeded=yes",
    ],
)
def test_so_is_a_dependency(line: str) -> None:
    own = "[Service]\nType=oneshot\nExecStart=/bin/sleep 3000\n"
    files = {DROP_IN: f"[Unit]\n{line}\n", "/etc/systemd/system/own.service": own}
    assert ("service", "unit-settings") in gaps_of(files)


@pytest.mark.parametrize(
    "lines",
    [
        "[Service]\nRestart=always\nRestartSec=5s\nOOMScoreAdjust=-900\nNice=-5\nLimitCORE=0\nLimitNOFILE=65536\n",
        "[Service]\nProtectClock=yes\nProtectKernelLogs=yes\nLockPersonality=yes\nSystemCallArchitectures=native\n",
        "[Unit]\nDescription=SSH\nAfter=network-online.target nosuch.service\nWants=network-online.target\n",
        "[Unit]\nConditionPathExists=/etc/passwd\nStartLimitBurst=10\n",
        "[Service]\nProtectHome=no\nEnvironment=LANG=C\nEnvironmentFile=-/etc/default/ssh\n",
        "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -e $SSHD_OPTS\nExecStartPre=/usr/sbin/sshd -t\n",
        "[Install]\nAlias=x.service\n",
    ],
)
def test_what_is_known_to_be_harmless_is_not(lines: str) -> None:
    assert gaps_of({DROP_IN: lines}) == []


def test_a_drop_in_for_every_service_counts_too() -> None:
    told = gaps_of({"/etc/systemd/system/service.d/all.conf": "[Service]\nPrivateNetwork=yes\n"})
    assert ("service", "unit-settings") in told


def test_what_hides_files_leaves_the_later_steps_open_as_well() -> None:
    steps = {gap.step.word for gap in gaps(server({DROP_IN: "[Service]\nInaccessiblePaths=/run/x\n"}))}
    assert steps == {"service", "accept", "account", "key", "session"}


def test_the_line_and_its_file_are_named() -> None:
    gap = gaps(server({DROP_IN: "[Service]\nMemoryMax=20M\n"}))[0]
    assert "MemoryMax=20M" in gap.what
    assert DROP_IN in gap.what
    assert gap.locations[0].line == 2


@pytest.mark.parametrize("line", ["LD_PRELOAD=/x.so", "OPENSSL_CONF=/nowhere", "KRB5_CONFIG=/x"])
def test_variables_of_its_environment_file(line: str) -> None:
    assert ("service", "unit-settings") in gaps_of({"/etc/default/ssh": f"# options\nSSHD_OPTS=\n{line}\n"})
    assert gaps_of({"/etc/default/ssh": "SSHD_OPTS=\nLANG=C\n# LD_PRELOAD=/x\n"}) == []


def test_what_cuts_off_the_network_leaves_the_port_open_as_well() -> None:
    steps = {gap.step.word for gap in gaps(server({DROP_IN: "[Service]\nPrivateNetwork=yes\n"}))}
    assert {"service", "listen", "firewall"} <= steps
    assert {gap.step.word for gap in gaps(server({DROP_IN: "[Unit]\nRequires=nosuch.service\n"}))} == {"service"}


def test_a_unit_that_is_required_by_a_link() -> None:
    own = "/etc/systemd/system/own.service"
    files = {own: "[Service]\nType=oneshot\nExecStart=/bin/false\n"}
    link = "/etc/systemd/system/ssh.service.requires/own.service"
    assert ("service", "unit-settings") in gaps_of({**files, link: symlink(own)})
    assert gaps_of({**files, link.replace("requires", "wants"): symlink(own)}) == []
