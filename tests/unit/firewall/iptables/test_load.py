"""What the kernel holds after a file of saved rules was loaded. Each case was tried with iptables-restore 1.8.9."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.firewall.engine.ruleset import Action, Ruleset
from rescue.firewall.iptables.load import Loader
from rescue.firewall.iptables.rule_line import words_of
from rescue.firewall.names import Names, RuleError
from tests.unit.firewall.files import reached

pytestmark = pytest.mark.unit

PATH = PurePosixPath("/etc/iptables/rules.v4")


def load(text: str, backend: str = "nft", version: int = 4, **more: object) -> Ruleset:
    loader = Loader(version, Names(hosts={"office": ("192.0.2.9", "192.0.2.10")}), backend)
    loader.restore(text, PATH)
    return loader.ruleset()


def table(*lines: str) -> str:
    return "\n".join(["*filter", *lines, "COMMIT", ""])


def inputs(found: Ruleset) -> list[str]:
    """The targets of INPUT's rules, in order."""
    return [rule.target.name for rule in found.tables["filter"].chains["INPUT"].rules]


def test_a_rule_knows_its_line() -> None:
    found = load("# saved\n" + table(":INPUT DROP [0:0]", "", "-A INPUT -p tcp --dport 22 -j ACCEPT"))
    chain = found.tables["filter"].chains["INPUT"]
    assert (chain.policy, chain.location.line) == ("DROP", 3)
    assert (chain.rules[0].location.line, chain.rules[0].text) == (5, "-A INPUT -p tcp --dport 22 -j ACCEPT")
    assert str(chain.rules[0].location) == "/etc/iptables/rules.v4:5"


@pytest.mark.parametrize(
    "line",
    [
        "-A INPUT -s ! 1.2.3.4 -j ACCEPT",
        "-A INPUT -m limit ! --limit 5/min -j ACCEPT",
        "-A INPUT -m conntrack ! --ctdir REPLY -j DROP",
        "-A INPUT -m recent --rcheck ! --seconds 60 -j DROP",
        "-A INPUT -m comment ! --comment x -j DROP",
        "-A INPUT -j REJECT ! --reject-with icmp-host-prohibited",
        "-A INPUT -p tcp --dport ! 22 -j ACCEPT",
        "-A INPUT -m comment --comment 'two words' -j ACCEPT",
        "  ",
        " # indented",
        "-A NONE -j ACCEPT",
        "-A INPUT -j NONE",
        "-A INPUT -j ACCEPT\r",
        "-A INPUT -s no.such.host -j ACCEPT",
        "-A INPUT -s 10.0.0.0/33 -j ACCEPT",
        "-A INPUT -s ::1 -j ACCEPT",
        "-A INPUT -j REJECT --reject-with tcp-reset",
        "-A INPUT -o eth0 -j ACCEPT",
        "-A OUTPUT -i eth0 -j ACCEPT",
        "-A INPUT --dport 22 -j ACCEPT",
        "-A INPUT -m multiport --dports 22 -j ACCEPT",
        "-A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 -j ACCEPT",
        "-A INPUT -p tcp --dport 9:3 -j ACCEPT",
        "-A INPUT -p tcp --dport 70000 -j ACCEPT",
        "-A INPUT -j ACCEPT -j DROP",
        "-A INPUT -i averyveryverylongname -j ACCEPT",
        "-A INPUT -m mac --mac-source xx:xx:xx:xx:xx:xx -j ACCEPT",
        "-A INPUT -m nosuch -j ACCEPT",
        "-A INPUT -m state --state FRESH -j ACCEPT",
        "-A INPUT -p nosuch -j ACCEPT",
        "-A INPUT -s 10.0.0.0/8,11.0.0.0/8 ! -d 1.2.3.4 -j ACCEPT",
        "-A INPUT -t nat -j ACCEPT",
        "-D INPUT -j ACCEPT",
        ":INPUT REJECT [0:0]",
        ":INPUT drop [0:0]",
        ":ALPHA",
        "*nat",
        "COMMIT ",
        "oops",
    ],
)
@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_one_bad_line_leaves_the_whole_table_unloaded(line: str, backend: str) -> None:
    found = load(table(":INPUT DROP [0:0]", "-A INPUT -j DROP", line), backend)
    assert found.tables == {}
    assert [problem.location.line for problem in found.problems] == [4]
    assert found.problems[0].lost == "the table filter"


@pytest.mark.parametrize(
    "line",
    [
        "-A INPUT -p TCP --dport ssh -j ACCEPT",
        "-A INPUT -p tcp --dpor 22 -j ACCEPT",
        "-A INPUT -p tcp --dport=22 -j ACCEPT",
        '-A INPUT -m comment --comment "a \\"b\\" -j DROP" -j ACCEPT',
        "-A INPUT -m state --state new -j ACCEPT",
        "-A INPUT -s 10/8 -j ACCEPT",
        "-A INPUT -s office -j ACCEPT",
        "[12:345] -A INPUT -j ACCEPT",
        "--append INPUT --source 10.0.0.0/8 --jump ACCEPT",
        "-A INPUT -p tcp ! --syn -m state --state NEW -j ACCEPT",
        "-A INPUT -6 this is not read",
        "-N ALPHA",
        "-P INPUT ACCEPT",
        "-A INPUT",
        ":INPUT - [0:0]",
        ":INPUT ACCEPT",
    ],
)
def test_other_spellings_load(line: str) -> None:
    assert load(table(line)).problems == ()


def test_a_table_that_is_complete_stays_loaded_when_a_later_one_fails() -> None:
    found = load(table(":INPUT DROP [0:0]") + "*nat\n-A PREROUTING -j NONE\nCOMMIT\n")
    assert found.tables.keys() == {"filter"}
    assert found.problems[0].location.line == 5


def test_without_commit_nothing_is_loaded() -> None:
    found = load("*filter\n:INPUT DROP [0:0]\n")
    assert found.tables == {}
    assert found.problems[0].message == "the table has no COMMIT"


def test_only_nft_takes_a_last_line_without_its_end() -> None:
    text = "*filter\n:INPUT DROP [0:0]\nCOMMIT"
    assert load(text, "nft").problems == ()
    assert load(text, "legacy").tables == {}


def test_only_nft_takes_a_policy_for_a_chain_of_ones_own() -> None:
    assert load(table(":ALPHA DROP [0:0]"), "nft").problems == ()
    assert load(table(":ALPHA DROP [0:0]"), "legacy").tables == {}


def test_windows_line_ends_load_nothing() -> None:
    found = load(table(":INPUT DROP [0:0]").replace("\n", "\r\n"))
    assert found.tables == {}
    assert found.problems[0].location.line == 1


def test_text_outside_a_table_ends_the_load() -> None:
    assert load("oops\n" + table(":INPUT DROP [0:0]")).tables == {}
    assert load(table(":INPUT DROP [0:0]") + "COMMIT\n").tables.keys() == {"filter"}


def test_insertions_go_where_they_say() -> None:
    found = load(table("-A INPUT -j DROP", "-I INPUT -j ACCEPT", "-I INPUT 3 -j LOG", "-I INPUT 2 -j RETURN"))
    assert inputs(found) == ["ACCEPT", "RETURN", "DROP", "LOG"]
    assert load(table("-I INPUT 3 -j LOG")).problems


def test_deletions_take_rules_away() -> None:
    found = load(
        table("-A INPUT -j DROP", "-A INPUT -p tcp -j LOG", "-D INPUT -j DROP", "-A INPUT -j ACCEPT", "-D INPUT 2")
    )
    assert inputs(found) == ["LOG"]


def test_a_chain_is_emptied_by_being_declared_again() -> None:
    text = table(":ALPHA - [0:0]", "-A ALPHA -j DROP", ":ALPHA - [0:0]")
    assert load(text).tables["filter"].chains["ALPHA"].rules == ()
    assert load(text, "legacy").tables == {}


def test_a_second_load_flushes_unless_told_not_to() -> None:
    for backend, policy in (("nft", "ACCEPT"), ("legacy", "DROP")):
        loader = Loader(4, backend=backend)
        loader.restore(table(":INPUT DROP [0:0]", "-A INPUT -j LOG"), PATH)
        loader.restore(table("-A INPUT -j ACCEPT"), PATH, noflush=True)
        assert inputs(loader.ruleset()) == ["LOG", "ACCEPT"]
        loader.restore(table("-A INPUT -j ACCEPT"), PATH)
        assert inputs(loader.ruleset()) == ["ACCEPT"]
        assert loader.ruleset().tables["filter"].chains["INPUT"].policy == policy


def test_chains_that_jump_in_a_ring_are_refused_where_a_packet_could_meet_them() -> None:
    ring = (":A - [0:0]", ":B - [0:0]", "-A A -j B", "-A B -j A")
    assert load(table(*ring)).problems == ()
    for backend in ("nft", "legacy"):
        found = load(table(*ring, "-A INPUT -j A"), backend)
        assert found.tables == {}
        assert "in a loop" in found.problems[0].message


def test_nftables_limits_how_deep_chains_nest() -> None:
    def nested(depth: int) -> str:
        chains = [f":C{at} - [0:0]" for at in range(depth)]
        jumps = [f"-A C{at} -j C{at + 1}" for at in range(depth - 1)]
        return table(*chains, "-A INPUT -j C0", *jumps)

    assert load(nested(15)).problems == ()
    assert load(nested(16)).problems
    assert load(nested(400), "legacy").problems == ()


def test_a_list_of_sources_is_as_many_rules() -> None:
    chain = load(table("-A INPUT -s 10.0.0.1,10.0.0.2,office -j DROP")).tables["filter"].chains["INPUT"]
    assert len(chain.rules) == 4
    assert {rule.location.line for rule in chain.rules} == {2}


def test_a_line_for_the_other_version_counts_for_nothing_wherever_that_is_said() -> None:
    """Two that are alike: the second one is made of the first."""
    found = load(table(*(f"-A INPUT -s 198.51.100.{at} -6 -j DROP" for at in (1, 2, 3))))
    assert not found.problems
    assert inputs(found) == []


def test_words_are_split_as_iptables_restore_splits_them() -> None:
    assert words_of('-A  INPUT\t--comment "a b"x "" c"d e"f') == [
        "-A",
        "INPUT",
        "--comment",
        "a b",
        "x",
        "",
        "cd e",
        "f",
    ]
    assert words_of("--comment 'a b'") == ["--comment", "'a", "b'"]
    assert words_of('"a\\"b\\\\c"') == ['a"b\\c']
    with pytest.raises(RuleError):
        words_of("-A " + "x" * 2000)


@given(st.text(alphabet='-AINPUT sdmj!*:#"\\\n\r\t.0123456789\x00é\udc80', max_size=300))
def test_junk_never_breaks_the_reader(text: str) -> None:
    for given_text in (text, table(text), f"*filter\n-A INPUT {text}\nCOMMIT\n"):
        for backend in ("nft", "legacy"):
            load(given_text, backend)


@given(
    st.lists(
        st.sampled_from(
            [
                "-s",
                "-m",
                "-p",
                "tcp",
                "!",
                "--dport",
                "-j",
                "DROP",
                "--sport",
                "recent",
                "--name",
                "conntrack",
                "--ctstate",
                "-c",
                "string",
                "--string",
                "hashlimit",
                "connlimit",
                "CT",
                "MARK",
                "--set-mark",
                "1/2",
                "physdev",
                "-g",
                "policy",
                "--pol",
                "--",
                "-",
                "=",
                "--dport=",
                "time",
                "set",
                "--match-set",
                "icmp",
                "--icmp-type",
                "0x",
            ]
        ),
        max_size=8,
    )
)
def test_half_a_rule_is_refused_and_no_more(words: list[str]) -> None:
    load(table("-A INPUT " + " ".join(words)))


def test_ipv6_rules_are_read_with_ipv6_addresses() -> None:
    found = load(table("-A INPUT -s 2001:db8::/32 -p ipv6-icmp -j ACCEPT", "-A INPUT -j REJECT"), version=6)
    assert [rule.target.how for rule in found.tables["filter"].chains["INPUT"].rules] == ["", "icmp6-port-unreachable"]
    assert load(table("-A INPUT -s 10.0.0.1 -j ACCEPT"), version=6).problems
    assert load(table("-A INPUT -j REJECT --reject-with icmp-host-prohibited"), version=6).problems


def test_targets_only_work_in_their_tables() -> None:
    assert load("*nat\n-A PREROUTING -j DROP\nCOMMIT\n").problems
    assert load("*mangle\n-A INPUT -j REJECT\nCOMMIT\n").problems
    assert (
        load("*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n").tables["raw"].chains["PREROUTING"].rules[0].target.action
        is Action.UNTRACK
    )


def test_a_range_that_ends_before_it_begins_is_taken_and_matches_nobody() -> None:
    text = table(":INPUT ACCEPT [0:0]", "-A INPUT -m iprange --src-range 10.0.0.9-10.0.0.1 -j DROP")
    assert load(text).problems == ()
    assert reached(text).open


def test_commands_that_only_show_or_count_change_nothing() -> None:
    found = load(table("-A INPUT -j DROP", "-L", "-Z INPUT", "-S INPUT 1", "-L INPUT"))
    assert (found.problems, inputs(found)) == ((), ["DROP"])


def test_replace_and_rename_are_obeyed_by_the_legacy_backend_alone() -> None:
    text = table(":A - [0:0]", "-A INPUT -j A", "-A INPUT -j DROP", "-E A B", "-A B -j DROP", "-R INPUT 2 -j ACCEPT")
    found = load(text, backend="legacy")
    assert (found.problems, inputs(found)) == ((), ["B", "ACCEPT"])
    assert load(text).problems != ()
    assert load(table("-A INPUT -j DROP", "-R INPUT 1 -j ACCEPT")).problems != ()


@pytest.mark.parametrize("line", ["[10] -A INPUT -j DROP", "[10 -A INPUT -j DROP", "[:] -A INPUT -j DROP"])
def test_counters_that_are_none(line: str) -> None:
    assert load(table(line)).problems != ()


def test_a_line_ends_at_a_zero_byte_and_is_none_without_anything_before_it() -> None:
    found = load(table("-A INPUT -j DROP\0 -s 1.2.3.4"))
    assert (found.problems, inputs(found)) == ((), ["DROP"])
    assert load(table("\0junk")).problems != ()


def test_line_ends_of_windows_are_named_as_such() -> None:
    (problem,) = load(table("-A INPUT -j ACCEPT\r")).problems
    assert problem.message == "there is no chain or target ACCEPT (the line ends with CR LF, as in files from Windows)"
