from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

SCRIPT = "/etc/nftables.conf"
HEAD = "#!/usr/sbin/nft -f\n\nflush ruleset\n\n"
WEB = """\
table inet filter {
\tchain input {
\t\ttype filter hook input priority filter; policy drop;

\t\tct state established,related accept
\t\tiifname "lo" accept
\t\tmeta l4proto { icmp, ipv6-icmp } accept
\t\ttcp dport { 80, 443 } accept
\t}
}
"""
ME = "203.0.113.5"


def with_nft(script: str, **more: Entry | str | None) -> Tree:
    """A server whose only firewall is nftables."""
    unit = "/usr/lib/systemd/system/nftables.service"
    return server(
        {
            "/etc/systemd/system/multi-user.target.wants/ufw.service": None,
            "/etc/systemd/system/sysinit.target.wants/nftables.service": symlink(unit),
            unit: "[Unit]\nBefore=network-pre.target\n[Service]\nType=oneshot\n"
            "ExecStart=/usr/sbin/nft -f /etc/nftables.conf\n[Install]\nWantedBy=sysinit.target\n",
            SCRIPT: script,
            **more,
        }
    )


def came_from(source: str = ME) -> Client:
    return Client(sources=(ip_address(source),))


def added(tree: Tree, client: Client | None = None, path: str = SCRIPT) -> list[str]:
    """The lines that the repair adds; it may take none away."""
    before = (tree.text(path) or "").split("\n")
    after = iter((mended(tree, client).after.facts.tree.text(path) or "").split("\n"))
    found = []
    for line in before:
        for other in after:
            if other == line:
                break
            found.append(other)
        else:
            raise AssertionError(f"{line!r} is gone")
    return [*found, *after]


def test_a_chain_with_a_policy_of_drop_and_no_rule_is_found() -> None:
    tree = with_nft(HEAD + WEB)
    finding = only_finding(tree, "nft-drop", came_from())
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert (str(finding.locations[0].path), finding.locations[0].line) == (SCRIPT, 7)
    assert changed_paths(mended(tree, came_from())) == [SCRIPT]


def test_one_rule_for_the_client_is_put_where_it_decides() -> None:
    assert added(with_nft(HEAD + WEB), came_from()) == [f"\t\tip saddr {ME} tcp dport 22 accept"]
    assert added(with_nft(HEAD + WEB), came_from("2001:db8::7")) == ["\t\tip6 saddr 2001:db8::7 tcp dport 22 accept"]


def test_nobody_known_everybody_is_let_in() -> None:
    assert added(with_nft(HEAD + WEB)) == ["\t\ttcp dport 22 accept"]


def test_a_rule_that_turns_away_gets_one_before_it() -> None:
    script = HEAD + WEB.replace("\t\ttcp dport {", "\t\ttcp dport 22 reject with tcp reset\n\t\ttcp dport {")
    tree = with_nft(script)
    assert only_finding(tree, "nft-drop", came_from()).symptom is Symptom.REFUSED
    text = mended(tree, came_from()).after.facts.tree.text(SCRIPT) or ""
    assert f"accept\n\t\tip saddr {ME} tcp dport 22 accept\n\t\ttcp dport 22 reject" in text


def test_every_base_chain_that_drops_gets_its_rule() -> None:
    other = WEB.replace("filter {", "other {").replace("priority filter", "priority filter + 10")
    rule = f"\t\tip saddr {ME} tcp dport 22 accept"
    assert added(with_nft(HEAD + WEB + other), came_from()) == [rule, rule]


def test_a_chain_in_an_included_file_is_mended_there() -> None:
    tree = with_nft(HEAD + 'include "/etc/nftables.d/*.nft"\n', **{"/etc/nftables.d/web.nft": WEB})
    assert changed_paths(mended(tree, came_from())) == ["/etc/nftables.d/web.nft"]


def test_a_chain_on_one_line_stays_on_one() -> None:
    script = "table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 80 accept; }; }\n"
    text = mended(with_nft(script), came_from()).after.facts.tree.text(SCRIPT)
    assert text == script.replace("80 accept;", f"80 accept; ip saddr {ME} tcp dport 22 accept;")


def test_rules_of_commands_get_a_command() -> None:
    script = "add table inet t\nadd chain inet t c { type filter hook input priority 0; policy drop; }\n"
    script += "add rule inet t c tcp dport 80 accept\n"
    text = mended(with_nft(script), came_from()).after.facts.tree.text(SCRIPT)
    assert text == f"{script}add rule inet t c ip saddr {ME} tcp dport 22 accept\n"


def test_answers_that_may_not_leave_get_a_rule() -> None:
    out = "table inet out {\n\tchain output {\n\t\ttype filter hook output priority 0; policy drop;\n"
    out += "\t\tmeta l4proto { icmp, ipv6-icmp } accept\n\t}\n}\n"
    assert added(with_nft(HEAD + out), came_from()) == [f"\t\tip daddr {ME} tcp sport 22 accept"]


def test_a_list_of_the_allowed_is_another_cause() -> None:
    tree = with_nft(HEAD + WEB.replace("tcp dport {", "ip saddr 198.51.100.0/24 tcp dport 22 accept\n\t\ttcp dport {"))
    assert causes(tree, came_from()) == ["fw-allowlist"]
    assert added(tree, came_from()) == [f"\t\tip saddr {ME} tcp dport 22 accept"]


def test_a_script_that_does_not_load_keeps_nobody_out() -> None:
    assert causes(with_nft(HEAD + WEB.replace("policy drop", "polcy drop"))) == []


def test_a_script_that_nothing_loads_is_no_finding() -> None:
    tree = with_nft(HEAD + WEB, **{"/etc/systemd/system/sysinit.target.wants/nftables.service": None})
    assert causes(tree) == []


@pytest.mark.parametrize(
    "script", [WEB.replace("ct state", "tunnel id 1 ct state"), "replace rule inet a b handle 3 drop\n"]
)
def test_what_can_not_be_read_is_a_doubt(script: str) -> None:
    finding = only_finding(with_nft(HEAD + script), "nft-drop", came_from())
    assert finding.severity is Severity.DOUBTFUL
    assert "can't read" in finding.reason


def test_opening_to_all_is_safe_where_nobody_is_meant_to_be_kept_out() -> None:
    assert only_finding(with_nft(HEAD + WEB), "nft-drop").repairs[0].safety is Safety.SAFE
