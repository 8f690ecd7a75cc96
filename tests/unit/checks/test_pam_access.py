from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import Entry
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import SSHD, with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
HOME = Client(user="alice", sources=(ip_address("192.0.2.7"),))
PATH = "/etc/security/access.conf"


def rules(*lines: str) -> dict[str, Entry | str | bytes | None]:
    on = SSHD.replace("# account  required     pam_access.so", "account  required     pam_access.so")
    return {**with_pam(sshd=on), PATH: "".join(f"{line}\n" for line in lines)}


def test_rules_that_nothing_asks_are_no_finding() -> None:
    assert causes(server({**with_pam(), PATH: "-:ALL:ALL\n"}), ALICE) == []


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("# -:ALL:ALL",),
        ("+:alice:ALL", "-:ALL:ALL"),
        ("+:(sudo):ALL", "-:ALL:ALL"),
        ("+:sudo:ALL", "-:ALL:ALL"),
        ("-:ALL EXCEPT alice root:ALL",),
        ("-:bob carol:ALL",),
        ("-:ALL:LOCAL",),
        ("+:ALL:192.0.2.0/24", "-:ALL:ALL"),
        ("+ : ALL : 192.0.2.", "- : ALL : ALL"),
        ("-:ALL:ALL EXCEPT 192.0.2.7",),
    ],
)
def test_rules_that_let_her_in_are_no_finding(lines: tuple[str, ...]) -> None:
    assert causes(server(rules(*lines)), HOME) == []


@pytest.mark.parametrize(
    "deny", ["-:ALL:ALL", "-:ALL EXCEPT root (admins):ALL", "- : alice : 192.0.2.0/24", "-:Alice:ALL"]
)
def test_she_is_allowed_before_the_line_that_denies(deny: str) -> None:
    tree = server(rules("+:root:ALL", deny))
    finding = only_finding(tree, "pam-access", HOME)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    plan = mended(tree, HOME)
    assert plan.after.facts.tree.text(PATH) == f"+:root:ALL\n+:alice:ALL\n{deny}\n"


@pytest.mark.parametrize("lines", [("-:ALL:192.0.2.0/24",), ("-:ALL:bad.example.com",), ("+:@staff:ALL", "-:ALL:ALL")])
def test_what_the_disk_does_not_tell_is_a_doubt(lines: tuple[str, ...]) -> None:
    assert only_finding(server(rules(*lines)), "pam-access", ALICE).severity is Severity.DOUBTFUL


def test_no_other_line_changes() -> None:
    plan = mended(server(rules("# ours", "-:ALL:ALL", "")), ALICE)
    assert diff(plan, PATH) == ([], ["+:alice:ALL"])
