"""ufw's files as its start-up script loads them, and when it loads them at all."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest

from rescue.firewall import Firewall, Kind, active_firewalls, reach
from rescue.firewall.ufw.tuples import Tuple, allow_lines, parse_tuple, tuple_of
from rescue.formats.shell_assignments import read_settings
from rescue.model import Location
from rescue.tree import Entry, Tree, directory, file, symlink
from tests.unit.firewall.files import (
    BEFORE,
    DEFAULTS,
    LIMIT,
    PERSISTENT,
    RELATED,
    USER,
    V4,
    V6,
    Started,
    allow,
    saved,
    ufw_files,
)

pytestmark = pytest.mark.unit


def loaded(*rules: str, **changes: Entry | str | bytes | None) -> tuple[Firewall, ...]:
    files = ufw_files(*rules)
    files.update({"/etc/" + name.replace("__", "/"): value for name, value in changes.items()})
    tree = Tree.of({path: value for path, value in files.items() if value is not None})
    return active_firewalls(tree, Started("ufw.service"))


def kind(firewalls: tuple[Firewall, ...], source: str = "203.0.113.5", port: int = 22) -> Kind:
    address = ip_address(source)
    return reach(firewalls, port, address.version).verdict_for(address).kind


def config(text: str) -> dict[str, str]:
    return {"ufw__ufw.conf": text}


def test_an_enabled_ufw_without_rules_drops_everything() -> None:
    found = loaded()
    assert [each.manager for each in found] == ["ufw"]
    assert found[0].problems == ()
    assert kind(found) is Kind.DROP
    assert kind(found, "2001:db8:5::5") is Kind.DROP


def test_the_policy_is_located_where_it_is_set() -> None:
    (decision,) = reach(loaded(), 22).deciding(ip_address("203.0.113.5"))
    assert str(decision.location) == "/etc/default/ufw:2"


def test_a_rule_of_the_user_lets_in() -> None:
    found = loaded(allow(22), allow(22, "::/0"))
    assert kind(found) is Kind.ACCEPT
    assert kind(found, "2001:db8:5::5") is Kind.ACCEPT
    assert kind(found, port=23) is Kind.DROP


def test_a_limited_rule_lets_the_first_connections_in() -> None:
    found = reach(loaded(LIMIT), 22).verdict_for(ip_address("203.0.113.5"))
    assert found.accepted
    assert found.assumed


def test_the_first_rule_of_the_user_that_matches_wins() -> None:
    assert kind(loaded(allow(22, "203.0.113.0/24", "deny"), allow(22))) is Kind.DROP
    assert kind(loaded(allow(22), allow(22, "203.0.113.0/24", "deny"))) is Kind.ACCEPT


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("DROP", Kind.DROP), ("REJECT", Kind.REJECT), ("ACCEPT", Kind.ACCEPT), ("deny", Kind.ACCEPT)],
)
def test_the_policy_is_what_its_setting_says(policy: str, expected: Kind) -> None:
    text = DEFAULTS.replace('INPUT_POLICY="DROP"', f'INPUT_POLICY="{policy}"')
    assert kind(loaded(default__ufw=text)) is expected


def test_without_ipv6_all_of_it_is_dropped() -> None:
    found = loaded(allow(22), allow(22, "::/0"), default__ufw=DEFAULTS.replace("IPV6=yes", "IPV6=no"))
    assert kind(found) is Kind.ACCEPT
    assert kind(found, "2001:db8:5::5") is Kind.DROP


def test_a_broken_file_of_the_user_leaves_the_policy_alone() -> None:
    """Everything that was allowed is dropped then."""
    found = loaded(allow(22), **{"ufw__user.rules": "*filter\n:ufw-user-input - [0:0]\noops\nCOMMIT\n"})
    assert kind(found) is Kind.DROP
    assert [str(problem.location) for problem in found[0].problems] == ["/etc/ufw/user.rules:3"]


def test_a_missing_file_is_a_problem_and_the_rest_is_loaded() -> None:
    found = loaded(allow(22), **{"ufw__after.rules": None})
    assert kind(found) is Kind.ACCEPT
    assert [str(problem.location) for problem in found[0].problems] == ["/etc/ufw/after.rules"]
    # Without before.rules nothing accepts the rest of a connection; a rule for the port does that as well.
    assert kind(loaded(allow(22), **{"ufw__before.rules": ""})) is Kind.ACCEPT


def test_rules_before_the_users_come_first() -> None:
    files = ufw_files(allow(22))
    text = str(files[BEFORE]).replace(
        "-A ufw-before-input -j ufw-not",
        "-A ufw-before-input -s 203.0.113.0/24 -j DROP\n-A ufw-before-input -j ufw-not",
    )
    assert kind(loaded(allow(22), **{"ufw__before.rules": text})) is Kind.DROP


def test_old_versions_keep_the_users_rules_in_lib() -> None:
    files = ufw_files(allow(22))
    rules = files.pop(USER)
    tree = Tree.of({**{p: v for p, v in files.items() if v is not None}, "/lib/ufw/user.rules": rules or ""})
    found = active_firewalls(tree, Started("ufw.service"))
    assert kind(found) is Kind.ACCEPT
    assert found[0].files[4][-1] == PurePosixPath("/lib/ufw/user.rules")


@pytest.mark.parametrize(
    "text",
    [
        "ENABLED=no\n",
        "ENABLED=Yes\n",
        "ENABLED=yes\r\n",
        "ENABLED = yes\n",
        "ENABLED=yes\nENABLED=no\n",
        "#ENABLED=yes\nLOGLEVEL=low\n",
        'ENABLED="yes \n"',
        "ENABLED='yes\n",
        "",
    ],
)
def test_ufw_is_off_unless_enabled_to_the_letter(text: str) -> None:
    assert loaded(allow(80), **config(text)) == ()


@pytest.mark.parametrize(
    "text",
    ["ENABLED=yes", "ENABLED=YES\n", "ENABLED=no\nENABLED=yes\n", "ENABLED='yes' # on\n", 'export ENABLED="yes"\n',
     "LOGLEVEL=low; ENABLED=yes\n", "ENABLED=ye\\\ns\n"],
)  # fmt: skip
def test_ufw_is_on_where_the_shell_reads_yes(text: str) -> None:
    (found,) = loaded(**config(text))
    assert found.location.path == PurePosixPath("/etc/ufw/ufw.conf")


def test_a_ufw_that_no_unit_starts_is_off() -> None:
    tree = Tree.of({path: value for path, value in ufw_files().items() if value is not None})
    assert active_firewalls(tree, Started()) == ()


def test_a_missing_settings_file_stops_ufw() -> None:
    assert loaded(default__ufw=None) == ()
    assert loaded(default__ufw="") == ()


def test_junk_in_ufws_files_never_raises() -> None:
    for junk in (b"\x00\xff\xfe" * 50, b"*filter\n" * 9, b"COMMIT", b"'", b"\\", "é".encode() * 9):
        for name in ("default__ufw", "ufw__ufw.conf", "ufw__user.rules", "ufw__before.rules", "ufw__after6.rules"):
            for found in loaded(**{name: junk}):
                assert kind((found,)) in tuple(Kind)
    odd = (directory(), symlink("/nowhere"), symlink("user.rules"), Entry(directory().kind, 0))
    for entry in odd:
        loaded(**{"ufw__user.rules": entry})


def test_a_file_too_large_to_read_decides_nothing() -> None:
    huge = Entry(file("").kind, 0o640, size=9 << 20)
    found = loaded(allow(22), **{"ufw__user.rules": huge})
    assert kind(found) is Kind.DEPENDS
    assert "could not be read" in found[0].problems[0].message


# -- saved rules ------------------------------------------------------------------------------------------------------


def persistent(files: Mapping[str, Entry | str | bytes], *units: str) -> tuple[Firewall, ...]:
    return active_firewalls(Tree.of(files), Started(*units))


def test_saved_rules_are_loaded_by_their_service() -> None:
    files = {V4: saved(RELATED), V6: saved(RELATED)}
    (found,) = persistent(files, "netfilter-persistent.service")
    assert (found.manager, sorted(found.rulesets)) == ("iptables-persistent", [4, 6])
    assert kind((found,)) is Kind.DROP
    assert persistent(files) == ()
    assert persistent({}, "netfilter-persistent.service") == ()


def test_without_its_plug_in_netfilter_persistent_loads_nothing() -> None:
    files = {V4: saved(RELATED), V6: saved(RELATED), "/usr/share/netfilter-persistent/plugins.d/25-ip6tables": ""}
    (found,) = persistent(files, "netfilter-persistent.service")
    assert sorted(found.rulesets) == [6]


def test_the_services_of_fedora_and_arch_load_their_own_files() -> None:
    for path in ("/etc/sysconfig/iptables", "/etc/iptables/iptables.rules"):
        (found,) = persistent({path: saved(RELATED), "/etc/sysconfig/ip6tables": saved()}, "iptables.service")
        assert (found.manager, sorted(found.rulesets)) == ("iptables-services", [4])
        assert found.location == Location(PurePosixPath(path))


def test_saved_rules_that_do_not_load_leave_the_server_open() -> None:
    (found,) = persistent({V4: saved("oops")}, "netfilter-persistent.service")
    assert kind((found,)) is Kind.ACCEPT
    assert found.problems


def test_the_alternative_says_which_iptables_loads() -> None:
    files: dict[str, Entry | str | bytes] = {V4: saved().removesuffix("\n")}
    assert kind(persistent(files, "netfilter-persistent.service")) is Kind.DROP
    files["/etc/alternatives/iptables"] = symlink("/usr/sbin/iptables-legacy")
    assert kind(persistent(files, "netfilter-persistent.service")) is Kind.ACCEPT


def test_names_come_from_the_servers_own_lists() -> None:
    files: dict[str, Entry | str | bytes] = {
        V4: saved(RELATED, "-A INPUT -s office -p tcp --dport door -j ACCEPT"),
        "/etc/services": "door 22/tcp entry # ours\n",
        "/etc/hosts": "127.0.0.1 localhost\n203.0.113.5 office Office.example\n",
    }
    assert kind(persistent(files, "netfilter-persistent.service")) is Kind.ACCEPT


def test_what_makes_saved_rules_load_is_in_the_test_server() -> None:
    assert any(path.endswith("netfilter-persistent.service") for path in PERSISTENT)


# -- settings and tuples ----------------------------------------------------------------------------------------------


def test_the_last_assignment_wins_over_all_files() -> None:
    files = [(PurePosixPath("/a"), "A=1\nB=2\n"), (PurePosixPath("/b"), "\nA=3\n")]
    found = read_settings(iter(files))
    assert (found.get("A"), found.get("B"), found.get("C", "x")) == ("3", "2", "x")
    assert str(found.values["A"].location) == "/b:2"


def test_a_command_that_is_none_of_the_shells_stops_it() -> None:
    found = read_settings(iter([(PurePosixPath("/a"), "A=1\nB = 2\nA=3\n")]))
    assert found.get("A") == "1"
    assert found.stopped == Location(PurePosixPath("/a"), 2, "B = 2")


def test_tuples_are_read_as_ufw_reads_them() -> None:
    assert parse_tuple("### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in") == Tuple(
        "allow", "tcp", "22", "0.0.0.0/0", "any", "0.0.0.0/0"
    )
    app = parse_tuple("### tuple ### limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 Open%20SSH - in_eth0 comment=737368")
    assert app is not None
    assert (app.application, app.direction, app.comment) == ("Open SSH", "in_eth0", "ssh")
    assert parse_tuple("### tuple ### allow tcp 22") is None
    assert parse_tuple("-A ufw-user-input -j ACCEPT") is None
    odd = parse_tuple("### tuple ### allow tcp 22 any any any in comment=zz")
    assert odd is not None
    assert odd.comment == ""


def test_a_rule_finds_its_tuple() -> None:
    files = {path: value for path, value in ufw_files(LIMIT).items() if value is not None}
    tree = Tree.of(files)
    lines = str(files[USER]).split("\n")
    at = next(
        number
        for number, line in enumerate(lines, 1)
        if "user-limit-accept -j" not in line and "limit-accept" in line and line.startswith("-A ufw-user-input")
    )
    found = tuple_of(tree, Location(PurePosixPath(USER), at))
    assert found is not None
    assert found.action == "limit"
    assert tuple_of(tree, Location(PurePosixPath(USER), 2)) is None


def test_the_lines_of_a_new_rule_are_ufws() -> None:
    assert allow_lines(22, None, 6) == (
        "### tuple ### allow tcp 22 ::/0 any ::/0 in",
        "-A ufw6-user-input -p tcp --dport 22 -j ACCEPT",
    )
    assert allow_lines(2222, ip_address("203.0.113.5"), 4) == (
        "### tuple ### allow tcp 2222 0.0.0.0/0 any 203.0.113.5 in",
        "-A ufw-user-input -p tcp --dport 2222 -s 203.0.113.5 -j ACCEPT",
    )
