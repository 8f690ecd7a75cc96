"""What a boot obeys by a person's own scripts, and which of it loads a firewall."""

from __future__ import annotations

import pytest

from rescue.boot.commands import boot_commands
from rescue.formats.shell_script import script_lines
from rescue.services.units import Units
from rescue.tree import Entry, Tree, file, symlink
from tests.trees import server

pytestmark = pytest.mark.unit

UNIT = "[Service]\nType=oneshot\nExecStart={}\n[Install]\nWantedBy=multi-user.target\n"
WANTS = "/etc/systemd/system/multi-user.target.wants"
IFUP: dict[str, Entry | str | bytes | None] = {
    "/usr/sbin/ifup": file("ELF", 0o755),
    "/etc/network/interfaces": "auto eth0\niface eth0 inet dhcp\n",
}
CRON = {
    "/usr/lib/systemd/system/cron.service": UNIT.format("/usr/sbin/cron -f"),
    f"{WANTS}/cron.service": symlink("/usr/lib/systemd/system/cron.service"),
}


def own_unit(line: str, name: str = "my-firewall") -> dict[str, Entry | str | bytes | None]:
    """A unit that somebody wrote and enabled."""
    path = f"/etc/systemd/system/{name}.service"
    return {path: UNIT.format(line), f"{WANTS}/{name}.service": symlink(path)}


def obeyed(tree: Tree) -> list[tuple[str, str]]:
    return [(each.text, str(each.location)) for each in boot_commands(tree, Units(tree))]


def lines(text: str, **there: str) -> list[tuple[str, bool]]:
    tree = Tree.of({f"/{name}": value for name, value in there.items()})
    return [(line.text, line.certain) for line in script_lines(tree, text)]


RC = file("#!/bin/sh -e\nfoo one\nexit 0\n", 0o755)
COMMAND = "foo one"


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"/etc/rc.local": RC}, "/etc/rc.local:2"),
        ({**IFUP, "/etc/network/if-pre-up.d/iptables": RC}, "/etc/network/if-pre-up.d/iptables:2"),
        (
            {**IFUP, "/etc/network/interfaces": "auto eth0\niface eth0 inet dhcp\n  pre-up foo one\n"},
            "/etc/network/interfaces:3",
        ),
        ({**CRON, "/var/spool/cron/crontabs/root": "@reboot foo one\n"}, "/var/spool/cron/crontabs/root:1"),
        ({**CRON, "/etc/cron.d/fw": "# x\n@reboot root foo one\n"}, "/etc/cron.d/fw:2"),
        ({**CRON, "/etc/crontab": "@reboot root /root/fw.sh\n", "/root/fw.sh": RC}, "/root/fw.sh:2"),
        (own_unit(COMMAND), "/etc/systemd/system/my-firewall.service:3"),
        (own_unit("/bin/sh -c 'foo one'"), "/etc/systemd/system/my-firewall.service:3"),
        ({**own_unit("/usr/local/sbin/fw start"), "/usr/local/sbin/fw": RC}, "/usr/local/sbin/fw:2"),
        ({**own_unit("/bin/bash /opt/fw.sh"), "/opt/fw.sh": RC}, "/opt/fw.sh:2"),
        (
            {"/etc/rc.local": file("#!/bin/sh\n/root/fw.sh\n", 0o755), "/root/fw.sh": RC},
            "/root/fw.sh:2",
        ),
        (
            {"/etc/init.d/firewall": RC, "/etc/rc2.d/S01firewall": symlink("../init.d/firewall")},
            "/etc/init.d/firewall:2",
        ),
        ({"/etc/networkd-dispatcher/routable.d/fw": RC}, "/etc/networkd-dispatcher/routable.d/fw:2"),
        ({"/etc/NetworkManager/dispatcher.d/50-fw": RC}, "/etc/NetworkManager/dispatcher.d/50-fw:2"),
        (
            {"/usr/share/netfilter-persistent/plugins.d/30-mine": RC},
            "/usr/share/netfilter-persistent/plugins.d/30-mine:2",
        ),
    ],
)
def test_every_way_by_which_people_have_commands_run_at_boot(files: dict[str, Entry | str], where: str) -> None:
    assert (COMMAND, where) in obeyed(server(files))


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/rc.local": file("#!/bin/sh\nfoo one\n", 0o644)},
        {"/etc/rc.local": RC, "/etc/systemd/system/rc-local.service": symlink("/dev/null")},
        {"/etc/network/if-pre-up.d/iptables": RC},  # ifupdown is not there
        {**IFUP, "/etc/network/if-pre-up.d/iptables": file("foo one\n", 0o644)},
        {**IFUP, "/etc/network/if-pre-up.d/iptables.sh": RC},  # run-parts leaves out names with a dot
        {"/var/spool/cron/crontabs/root": "@reboot foo one\n"},  # cron is not there
        {**own_unit(COMMAND), f"{WANTS}/my-firewall.service": None},
        {"/etc/init.d/firewall": RC},
    ],
)
def test_what_is_not_run_at_boot_is_not_obeyed(files: dict[str, Entry | str]) -> None:
    assert COMMAND not in [text for text, _ in obeyed(server(files))]


def test_the_server_of_the_tests_has_no_commands_of_its_own() -> None:
    assert obeyed(server()) == []


def test_scripts_that_start_each_other_are_read_once() -> None:
    ring: dict[str, Entry | str] = {
        "/etc/rc.local": file("/root/a.sh\n", 0o755),
        "/root/a.sh": "/root/b.sh\nfoo one\n",
        "/root/b.sh": "/root/a.sh\n",
    }
    assert obeyed(server(ring)).count((COMMAND, "/root/a.sh:2")) == 1


def test_conditions_make_a_command_uncertain_unless_the_disk_answers_them() -> None:
    script = "if [ -f /rules ]; then\n a\nelse\n b\nfi\nif [ $1 = x ]; then\n c\nfi\nd && e\nf || g; h\n"
    assert [each for each in lines(script, rules="") if len(each[0]) == 1] == [
        ("a", True), ("b", False), ("c", False), ("d", True), ("e", True), ("f", True), ("g", False), ("h", True),
    ]  # fmt: skip
    assert ("a", False) in lines(script)


def test_a_function_a_loop_and_a_case_are_not_certain_and_what_follows_exit_is_not_either() -> None:
    script = "start() {\n a\n}\nfor i in 1 2; do\n b\ndone\ncase $1 in\n start)\n c\n ;;\nesac\nd\nexit 0\ne\n"
    assert [each for each in lines(script) if len(each[0]) == 1] == [
        ("a", False), ("b", False), ("c", False), ("d", True), ("e", False),
    ]  # fmt: skip


def test_comments_documents_and_lines_that_go_on() -> None:
    assert lines("# a\nb \\\n  c\nd <<EOF\n e\nEOF\nf # g\n") == [("b    c", True), ("d <<EOF", True), ("f", True)]


def test_a_test_for_a_file_before_the_command() -> None:
    assert lines("[ -f /rules ] && a", rules="") == [("[ -f /rules ]", True), ("a", True)]
    assert lines("test -r /rules && a") == [("test -r /rules", True), ("a", False)]
