import pytest

from rescue.model import Client, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
CONF = "/etc/security/time.conf"


def rules(text: str) -> Tree:
    files = with_pam(sshd="account required pam_time.so\n" + SSHD)
    return server({**files, f"{MODULES}/pam_time.so": file("ELF"), CONF: text})


@pytest.mark.parametrize(
    "text",
    [
        "# sshd;*;alice;!Al0000-2400\n",
        "login;*;alice;!Al0000-2400\n",
        "sshd;tty*;alice;!Al0000-2400\n",
        "sshd;*;!alice;!Al0000-2400\n",
        "sshd;*;* & !alice;!Al0000-2400\n",
        "sshd;*;alice bob;!Al0000-2400\n",
        "sshd;*;alice;Al0000-2400\n",
        "sshd;*;alice;Wk0000-2400 | Wd0000-2400\n",
        "sshd;*;alice\n",
        "sshd;*;alice;Al0000-2400;more\n",
    ],
)
def test_rules_for_others_and_for_every_time_are_no_finding(text: str) -> None:
    assert causes(rules(text), ALICE) == []


@pytest.mark.parametrize(
    "users, becomes",
    [("alice", "alice & !alice"), ("*", "* & !alice"), ("!root", "!root & !alice"), ("bob|al*e", "bob|al*e & !alice")],
)
def test_the_user_is_left_out_of_a_rule_whose_time_never_comes(users: str, becomes: str) -> None:
    tree = rules(f"*;*;root;Al0000-2400\nsshd;*;{users};!Al0000-2400 # closed\n")
    finding = only_finding(tree, "pam-time", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert diff(mended(tree, ALICE), CONF) == (
        [f"sshd;*;{users};!Al0000-2400 # closed"], [f"sshd;*;{becomes};!Al0000-2400 # closed"],
    )  # fmt: skip


@pytest.mark.parametrize("times", ["Wk0800-1800", "!Wd0000-2400", "Al2200-0600", "Mo0000-2400"])
def test_what_hangs_on_the_hour_is_doubtful(times: str) -> None:
    tree = rules(f"sshd;ssh;alice;{times}\n")
    finding = only_finding(tree, "pam-time", ALICE)
    assert finding.severity is Severity.DOUBTFUL
    assert times in finding.reason
    mended(tree, ALICE, any_repairs)
