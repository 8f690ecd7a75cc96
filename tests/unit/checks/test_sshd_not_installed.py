"""No SSH server, or no unit for it."""

from __future__ import annotations

import pytest

from rescue.tree import Entry
from tests.checking import causes, only_finding
from tests.trees import DPKG_STATUS, server

pytestmark = pytest.mark.unit

NO_UNIT: dict[str, Entry | str | bytes | None] = {
    "/usr/lib/systemd/system/ssh.service": None,
    "/usr/lib/systemd/system/ssh.socket": None,
    "/etc/systemd/system/multi-user.target.wants/ssh.service": None,
    "/etc/systemd/system/sshd.service": None,
}


def test_what_was_removed_is_told() -> None:
    status = DPKG_STATUS.replace("install ok installed", "deinstall ok config-files", 1)
    tree = server({**NO_UNIT, "/usr/sbin/sshd": None, "/var/lib/dpkg/status": status})
    finding = only_finding(tree, "sshd-not-installed")
    assert "its configuration is left" in finding.message
    assert [repair.edit for repair in finding.repairs] == [None]


def test_nothing_else_is_said_where_its_configuration_is_gone_too() -> None:
    assert causes(server({**NO_UNIT, "/usr/sbin/sshd": None, "/etc/ssh/sshd_config": None})) == ["sshd-not-installed"]


def test_a_unit_that_is_gone_is_told() -> None:
    assert "no unit" in only_finding(server(NO_UNIT), "sshd-not-installed").message


def test_another_server_will_do() -> None:
    other = "[Service]\nExecStart=/usr/sbin/dropbear\n[Install]\nWantedBy=multi-user.target\n"
    tree = server({**NO_UNIT, "/usr/sbin/sshd": None, "/usr/lib/systemd/system/dropbear.service": other})
    assert "sshd-not-installed" not in causes(tree)
