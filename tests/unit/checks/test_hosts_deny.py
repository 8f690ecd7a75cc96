from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, file
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import DPKG_STATUS, PROGRAM, server

pytestmark = pytest.mark.unit

ALLOW, DENY = "/etc/hosts.allow", "/etc/hosts.deny"
HERE = Client(sources=(ip_address("192.0.2.1"),))
OVER_IPV6 = Client(sources=(ip_address("2001:db8::7"),))
WRAPPED = DPKG_STATUS.replace("Source: openssh\n", "Source: openssh\nDepends: libc6 (>= 2.36), libwrap0 (>= 7.6-4~)\n")


def wrapped(allow: str = "", deny: str = "") -> Tree:
    return server({"/var/lib/dpkg/status": WRAPPED, ALLOW: allow, DENY: deny})


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        ("", ""),
        ("# sshd: nobody\n", "# ALL: ALL\n"),
        ("sshd: 192.0.2.\n", "ALL: ALL\n"),
        ("", "sshd: 203.0.113.9\n"),
        ("", "in.ftpd: ALL\n"),
        ("", "ALL: ALL EXCEPT 192.0.2.0/24\n"),
        ("", "ALL EXCEPT sshd: ALL\n"),
        ("sshd: 192.0.2.1", ""),
    ],
)
def test_who_is_let_in_is_no_finding(allow: str, deny: str) -> None:
    assert causes(wrapped(allow, deny), HERE) == []


def test_a_server_without_the_library_never_asks_the_files() -> None:
    without = WRAPPED.replace(", libwrap0 (>= 7.6-4~)", "")
    assert causes(server({"/var/lib/dpkg/status": without, DENY: "ALL: ALL\n"}), HERE) == []
    assert causes(server({DENY: "ALL: ALL\n"}), HERE) == []


@pytest.mark.parametrize("program", ["/usr/sbin/sshd", "/usr/lib/openssh/sshd-session"])
def test_where_no_database_tells_the_program_names_its_libraries(program: str) -> None:
    binary: Entry = file(PROGRAM + b" OpenSSH_9.2p1 \0libc.so.6\0libwrap.so.0\0", 0o755)
    tree = server({"/var/lib/dpkg/status": None, program: binary, DENY: "ALL: ALL\n"})
    assert causes(tree, HERE) == ["hosts-deny"]


def test_one_line_lets_in_beside_those_who_are_let_in() -> None:
    tree = wrapped("sshd: 203.0.113.\n", "ALL: ALL\n")
    finding = only_finding(tree, "hosts-deny", HERE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert str(finding.locations[0]) == "/etc/hosts.deny:1"
    plan = mended(tree, HERE)
    assert changed_paths(plan) == [ALLOW]
    assert plan.after.facts.tree.text(ALLOW) == "sshd: 203.0.113.\nsshd: 192.0.2.1\n"


def test_an_address_of_ipv6_is_written_in_brackets() -> None:
    plan = mended(wrapped("", "ALL: ALL\n"), OVER_IPV6)
    assert plan.after.facts.tree.text(ALLOW) == "sshd: [2001:db8::7]\n"


def test_a_ban_is_lifted_and_the_other_bans_stay() -> None:
    tree = wrapped("", "sshd: 203.0.113.9\nsshd: 192.0.2.1\nsshd: 192.0.2.17\n")
    plan = mended(tree, HERE)
    assert diff(plan, DENY) == (["sshd: 192.0.2.1"], [])
    assert changed_paths(plan) == [DENY]


def test_what_denyhosts_has_counted_goes_with_the_ban() -> None:
    counted = "192.0.2.1:12:Mon Nov 2 10:00:00 2026\n192.0.2.11:12:Mon Nov 2 10:00:00 2026\n"
    files = {"/var/lib/denyhosts/hosts": counted, "/var/lib/dpkg/status": WRAPPED, DENY: "sshd: 192.0.2.1\n"}
    plan = mended(server(files), HERE)
    assert changed_paths(plan) == [DENY, "/var/lib/denyhosts/hosts"]
    assert diff(plan, "/var/lib/denyhosts/hosts") == (counted.split("\n")[:1], [])


def test_a_ban_is_taken_out_of_a_line_with_several() -> None:
    plan = mended(wrapped("", "sshd: 203.0.113.9, 192.0.2.1 198.51.100.2: severity auth.info\n"), HERE)
    assert plan.after.facts.tree.text(DENY) == "sshd: 203.0.113.9 198.51.100.2: severity auth.info\n"


def test_a_ban_of_a_network_stays_and_the_address_is_let_in() -> None:
    plan = mended(wrapped("", "sshd: 192.0.2.0/24\n"), HERE)
    assert changed_paths(plan) == [ALLOW]


def test_the_line_comes_before_one_of_hosts_allow_that_denies() -> None:
    plan = mended(wrapped("# ours\nsshd: 10.\nALL: ALL: deny\n"), HERE)
    assert plan.after.facts.tree.text(ALLOW) == "# ours\nsshd: 10.\nsshd: 192.0.2.1\nALL: ALL: deny\n"


def test_a_last_line_without_an_end_turns_everybody_away() -> None:
    tree = wrapped("", "sshd: 203.0.113.9")
    for client in (HERE, Client()):
        assert only_finding(tree, "hosts-deny", client).severity is Severity.BROKEN
        assert mended(tree, client).after.facts.tree.text(DENY) == "sshd: 203.0.113.9\n"


def test_a_line_of_hosts_allow_counts_once_it_has_its_end() -> None:
    plan = mended(wrapped("sshd: 192.0.2.1", "ALL: ALL\n"), HERE)
    assert plan.after.facts.tree.text(ALLOW) == "sshd: 192.0.2.1\n"


def test_an_unfinished_line_does_not_swallow_the_new_one() -> None:
    plan = mended(wrapped("sshd: 10.", "ALL: ALL\n"), HERE)
    assert plan.after.facts.tree.text(ALLOW) == "sshd: 192.0.2.1\nsshd: 10."
    mended(wrapped("sshd: 10. \\\n", "ALL: ALL\n"), HERE)
    mended(wrapped(f"# {'x' * 3000}\n", "ALL: ALL\n"), HERE)


def test_bans_of_strangers_are_no_finding_where_the_client_is_not_known() -> None:
    bans = "".join(f"sshd: 203.0.113.{number}\n" for number in range(200))
    assert causes(wrapped("", bans), Client()) == []


def test_a_list_is_a_doubt_until_it_is_known_where_from() -> None:
    finding = only_finding(wrapped("sshd: 203.0.113.\n", "ALL: ALL\n"), "hosts-deny", Client())
    assert finding.severity is Severity.DOUBTFUL
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_where_nobody_is_let_in_everybody_is_let_in_again() -> None:
    plan = mended(wrapped("", "ALL: ALL\n"), Client())
    assert plan.after.facts.tree.text(ALLOW) == "sshd: ALL\n"


@pytest.mark.parametrize("deny", ["ALL: PARANOID\n", "sshd: .example.com\n", "sshd: @trusted\n", "sshd: LOCAL\n"])
def test_what_a_name_server_decides_is_a_doubt(deny: str) -> None:
    finding = only_finding(wrapped("", deny), "hosts-deny", HERE)
    assert (finding.severity, finding.repairs[0].safety) == (Severity.DOUBTFUL, Safety.UNSAFE)
    assert causes(wrapped("", deny), Client()) == []


def test_who_has_a_line_is_in_whatever_names_there_are() -> None:
    assert causes(wrapped("sshd: 192.0.2.1\n", "ALL: PARANOID\n"), HERE) == []
