"""The least change that lets a client in. That it loads and is followed is for the kernel to say: tests/system."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.firewall import active_firewalls, edit, reach
from rescue.tree import Entry, Tree
from tests.unit.firewall.files import BEFORE, DEFAULTS, RELATED, USER, USER6, V4, V6, Started, allow, saved, ufw_files

pytestmark = pytest.mark.unit

UNITS = Started("ufw.service", "netfilter-persistent.service")
ME = "203.0.113.5"


def edited(files: dict[str, Entry | str | bytes | None], *sources: str, port: int = 22) -> Tree:
    """The tree after the edit for its first firewall; what the edit lets in is checked, too."""
    tree = Tree.of({path: value for path, value in files.items() if value is not None})
    firewall = active_firewalls(tree, UNITS)[0]
    after = edit.allow(tree, firewall, port, [ip_address(each) for each in sources])
    now = active_firewalls(after, UNITS)
    assert now[0].problems == firewall.problems
    for source in sources or ("8.8.8.8",):
        address = ip_address(source)
        assert reach(now, port, address.version).verdict_for(address).accepted
    return after


def added(files: dict[str, Entry | str | bytes | None], after: Tree, path: str) -> list[tuple[int, str]]:
    """The lines that came, with their numbers; every old line must still be there, in order."""
    old, new = str(files[path]).split("\n"), (after.text(path) or "").split("\n")
    found, at = [], 0
    for number, line in enumerate(new, 1):
        if at < len(old) and line == old[at]:
            at += 1
        else:
            found.append((number, line))
    assert at == len(old)
    return found


def lines(files: dict[str, Entry | str | bytes | None], after: Tree, path: str) -> list[str]:
    """The lines that came, blank ones left out."""
    return [line for _, line in added(files, after, path) if line]


TUPLE = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"
TUPLE_ME = "### tuple ### allow tcp 22 0.0.0.0/0 any 203.0.113.5 in"


def test_everybody_is_let_in_by_both_files_of_ufw() -> None:
    files = ufw_files(allow(80))
    after = edited(files)
    assert lines(files, after, USER) == [TUPLE, "-A ufw-user-input -p tcp --dport 22 -j ACCEPT"]
    assert lines(files, after, USER6) == [
        "### tuple ### allow tcp 22 ::/0 any ::/0 in",
        "-A ufw6-user-input -p tcp --dport 22 -j ACCEPT",
    ]


def test_one_client_is_let_in_by_the_file_of_its_kind() -> None:
    files = ufw_files(allow(80))
    after = edited(files, ME)
    assert lines(files, after, USER) == [TUPLE_ME, "-A ufw-user-input -p tcp --dport 22 -s 203.0.113.5 -j ACCEPT"]
    assert lines(files, after, USER6) == []
    after = edited(files, "2001:db8:5::5")
    assert lines(files, after, USER) == []
    assert lines(files, after, USER6)[0] == "### tuple ### allow tcp 22 ::/0 any 2001:db8:5::5 in"


def test_where_ufw_has_no_ipv6_its_file_is_left_alone() -> None:
    files = {**ufw_files(), "/etc/default/ufw": DEFAULTS.replace("IPV6=yes", "IPV6=no")}
    assert lines(files, edited(files), USER6) == []
    with pytest.raises(ValueError, match="IPV6=no"):
        edited(files, "2001:db8:5::5")


def test_the_rule_goes_before_the_one_that_denies() -> None:
    files = ufw_files(allow(80), allow(22, "203.0.113.0/24", "deny"), allow(22))
    after = edited(files, ME)
    new = (after.text(USER) or "").split("\n")
    at = new.index(TUPLE_ME)
    assert new[at - 1] == ""
    assert new[at + 2 : at + 4] == ["", "### tuple ### deny tcp 22 0.0.0.0/0 any 203.0.113.0/24 in"]


def test_a_tuple_without_its_rule_gets_it() -> None:
    """`ufw status` shows such a rule, and the kernel never heard of it."""
    files = ufw_files("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", allow(22, "::/0"))
    after = edited(files)
    assert lines(files, after, USER) == ["-A ufw-user-input -p tcp --dport 22 -j ACCEPT"]
    assert lines(files, after, USER6) == []


def test_the_file_as_installed_has_no_end_mark_and_takes_the_rule_all_the_same() -> None:
    text = "*filter\n:ufw-user-input - [0:0]\n### RULES ###\n-A ufw-user-input -p udp -j DROP\nCOMMIT\n"
    files = {**ufw_files(), USER: text}
    assert lines(files, edited(files, ME), USER)[0] == TUPLE_ME


@pytest.mark.parametrize("sources", [(), (ME,)])
def test_a_file_of_ufw_that_does_not_load_gets_no_rule(sources: tuple[str, ...]) -> None:
    """It got eight, and the client was kept out as before."""
    files = ufw_files(allow(80))
    files[USER] = str(files[USER]).removesuffix("COMMIT\n")
    with pytest.raises(ValueError, match="no rule that is put before it"):
        edited(files, *sources)


def test_rules_before_ufws_own_are_met_where_they_stand() -> None:
    files = ufw_files(allow(22))
    text = str(files[BEFORE]).replace("COMMIT\n", "-A ufw-before-input -s 203.0.113.0/24 -j DROP\nCOMMIT\n")
    files[BEFORE] = text
    after = edited(files, ME)
    assert lines(files, after, USER) == []
    ((number, line),) = added(files, after, BEFORE)
    assert line == "-A ufw-before-input -s 203.0.113.5/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"
    assert text.split("\n")[number - 1] == "-A ufw-before-input -s 203.0.113.0/24 -j DROP"


def test_saved_rules_get_one_line_before_the_rule_that_decides() -> None:
    text = saved(RELATED, "-A INPUT -p icmp -j ACCEPT", "-A INPUT -j REJECT --reject-with icmp-host-prohibited")
    files: dict[str, Entry | str | bytes | None] = {V4: text}
    assert added(files, edited(files), V4) == [
        (7, "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT")
    ]
    assert added(files, edited(files, ME, port=2222), V4) == [
        (7, "-A INPUT -s 203.0.113.5/32 -p tcp -m tcp --dport 2222 -m conntrack --ctstate NEW -j ACCEPT")
    ]


def test_where_the_policy_decides_the_line_follows_the_last_rule() -> None:
    text = saved(RELATED, "-A INPUT -p icmp -j ACCEPT", "-A OUTPUT -j ACCEPT")
    files: dict[str, Entry | str | bytes | None] = {V4: text}
    assert [number for number, _ in added(files, edited(files, ME), V4)] == [7]


def test_a_rule_deep_in_other_chains_is_met_where_the_first_one_jumps() -> None:
    text = saved(
        ":NET - [0:0]",
        ":LOGDROP - [0:0]",
        RELATED,
        "-A INPUT -i eth0 -j NET",
        "-A NET -j LOGDROP",
        "-A LOGDROP -j DROP",
    )
    files: dict[str, Entry | str | bytes | None] = {V4: text}
    ((number, line),) = added(files, edited(files, ME), V4)
    assert text.split("\n")[number - 1] == "-A INPUT -i eth0 -j NET"
    assert line.startswith("-A INPUT -s 203.0.113.5/32")


def test_both_families_are_opened_for_everybody_if_both_are_closed() -> None:
    files: dict[str, Entry | str | bytes | None] = {V4: saved(RELATED), V6: saved(RELATED)}
    after = edited(files)
    assert len(lines(files, after, V4)) == 1
    assert len(lines(files, after, V6)) == 3  # over IPv6 the server's neighbours must be able to find it, too
    files = {V4: saved(RELATED), V6: saved(policy="ACCEPT")}
    assert lines(files, edited(files), V6) == []


def test_answers_that_may_not_leave_get_their_own_rule() -> None:
    files: dict[str, Entry | str | bytes | None] = {V4: saved("-A INPUT -p icmp -j ACCEPT", output="DROP")}
    assert lines(files, edited(files, ME), V4) == [
        "-A INPUT -s 203.0.113.5/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT",
        "-A INPUT -s 203.0.113.5/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
        "-A OUTPUT -d 203.0.113.5/32 -p tcp -m tcp --sport 22 -m conntrack --ctstate ESTABLISHED -j ACCEPT",
    ]


def test_a_file_that_inserts_gets_an_insertion() -> None:
    text = saved("-A INPUT -p icmp -j ACCEPT", "-I INPUT -m conntrack --ctstate NEW -j DROP", RELATED, policy="ACCEPT")
    files: dict[str, Entry | str | bytes | None] = {V4: text}
    assert lines(files, edited(files, ME), V4)[0].startswith("-I INPUT 1 -s 203.0.113.5/32")


def test_packets_dropped_before_the_filter_table_are_met_there() -> None:
    text = "*raw\n-A PREROUTING -s 203.0.113.0/24 -j DROP\nCOMMIT\n" + saved(policy="ACCEPT")
    files: dict[str, Entry | str | bytes | None] = {V4: text}
    assert added(files, edited(files, ME), V4) == [
        (2, "-A PREROUTING -s 203.0.113.5/32 -p tcp -m tcp --dport 22 -j ACCEPT")
    ]


def test_several_addresses_get_a_rule_each() -> None:
    files = ufw_files()
    after = edited(files, ME, "198.51.100.7", "2001:db8:5::5")
    assert len([line for line in lines(files, after, USER) if line.startswith("-A")]) == 2
    assert len([line for line in lines(files, after, USER6) if line.startswith("-A")]) == 1


def test_who_is_let_in_already_changes_nothing() -> None:
    files = ufw_files(allow(22))
    assert edited(files, ME).text(USER) == files[USER]


def test_what_no_rule_can_mend_is_an_error() -> None:
    files: dict[str, Entry | str | bytes | None] = {V4: saved("-A INPUT -p tcp -j NFQUEUE")}
    with pytest.raises(ValueError, match="NFQUEUE"):
        edited(files, ME)
    with pytest.raises(ValueError):
        edited({**ufw_files(), USER: "oops\n"}, ME)
