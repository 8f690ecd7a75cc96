"""What a check makes of two snapshots of a disk and a login."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.labs.lessons.grading import Differences, Grade, differences, lost
from rescue.labs.lessons.scenario import Keep, Scenario, scenario
from rescue.labs.machines.ssh import Attempt
from rescue.tree import Entry, Kind, Tree, directory, file

pytestmark = pytest.mark.unit

IN = Attempt(0, "in\n", "")
OUT = Attempt(255, "", "ssh: connect to host 192.0.2.2 port 22: Connection refused\n")
EXPIRED = Attempt(1, "", "Password change required but no TTY available.\n")
FIREWALL = Keep("the firewall is on", "/etc/ufw/ufw.conf", r"(?m)^ENABLED=yes$")


def guarded() -> Scenario:
    return replace(scenario("ufw-enable-without-ssh"), keeps=(FIREWALL,))


def test_a_login_with_nothing_lost_passes() -> None:
    assert Grade(IN, (), Differences(())).passed


@pytest.mark.parametrize("login", [OUT, EXPIRED])
def test_no_login_is_no_pass(login: Attempt) -> None:
    assert not Grade(login, (), Differences(())).passed


def test_a_login_paid_for_with_the_firewall_is_no_pass() -> None:
    tree = Tree.of({"/etc/ufw/ufw.conf": "ENABLED=no\n"})
    assert lost(guarded(), tree) == (FIREWALL,)
    assert not Grade(IN, (FIREWALL,), Differences(())).passed


def test_what_is_still_so_is_not_lost() -> None:
    assert lost(guarded(), Tree.of({"/etc/ufw/ufw.conf": "# ufw\nENABLED=yes\n"})) == ()


def test_a_file_that_is_gone_is_lost() -> None:
    assert lost(guarded(), Tree.of({})) == (FIREWALL,)


def test_what_has_to_be_kept_is_found_behind_a_link() -> None:
    link = Entry(Kind.LINK, 0o777, link="/srv/ufw.conf")
    assert lost(guarded(), Tree.of({"/etc/ufw/ufw.conf": link, "/srv/ufw.conf": "ENABLED=yes\n"})) == ()


BEFORE = {"/etc/ssh/sshd_config": "Port 2222\n", "/etc/motd": "hello\n", "/var/log/syslog": "x\n"}


def paths(found: Differences) -> list[str]:
    return [str(change.path) for change in found.made]


def test_a_disk_as_it_was_has_no_differences() -> None:
    assert differences(Tree.of(BEFORE), Tree.of(BEFORE)) == Differences(())


def test_every_kind_of_change_is_found_once() -> None:
    after = Tree.of(
        {"/etc/ssh/sshd_config": "Port 22\n", "/var/log/syslog": "x\n", "/etc/new": "", "/root": directory(0o777)}
    )
    found = differences(Tree.of({**BEFORE, "/root": directory(0o700)}), after)
    assert paths(found) == ["/etc/motd", "/etc/new", "/etc/ssh/sshd_config", "/root"]


def test_a_time_alone_is_no_difference() -> None:
    old, new = replace(file("a"), mtime=1), replace(file("a"), mtime=2)
    assert differences(Tree.of({"/etc/a": old}), Tree.of({"/etc/a": new})) == Differences(())


def test_a_large_file_that_was_written_to_is_a_difference() -> None:
    old = Entry(Kind.FILE, 0o644, size=1 << 30, mtime=1)
    found = differences(Tree.of({"/srv/data": old}), Tree.of({"/srv/data": replace(old, mtime=2)}))
    assert paths(found) == ["/srv/data"]


def test_what_a_server_writes_by_itself_is_kept_apart() -> None:
    found = differences(Tree.of(BEFORE), Tree.of({**BEFORE, "/var/log/syslog": "x\ny\n", "/etc/motd": "bye\n"}))
    assert paths(found) == ["/etc/motd"]
    assert [str(path) for path in found.by_itself] == ["/var/log/syslog"]


def test_the_record_of_a_fix_is_no_change_of_the_server() -> None:
    record = {"/var/lib/rescue/fixes/20261122T184500Z/record.json": "{}"}
    found = differences(Tree.of(BEFORE), Tree.of({**BEFORE, **record}))
    assert found == Differences((), (), recorded=True)


def test_a_directory_beside_the_record_is_a_change() -> None:
    found = differences(Tree.of(BEFORE), Tree.of({**BEFORE, "/var/lib/rescued": directory()}))
    assert "/var/lib/rescued" in paths(found)
    assert not found.recorded
