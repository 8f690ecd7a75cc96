import pytest

from rescue.model import Client, Severity, Step, Symptom
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
NSS = "/etc/nsswitch.conf"


@pytest.mark.parametrize(
    "text",
    [None, "", "passwd: files systemd\nshadow: files systemd\n", "passwd:\tcompat\n", "#passwd: sss\n",
     "passwd: sss files\nshadow: sss files\n", "passwd: files [NOTFOUND=return] sss\n", "hosts: dns\n"],
)  # fmt: skip
def test_files_that_are_asked_are_no_finding(text: str | None) -> None:
    assert causes(server({**with_pam(), NSS: text}), ALICE) == []


@pytest.mark.parametrize(
    "line, becomes",
    [
        ("passwd: sss", "passwd: files sss"),
        ("passwd:\t\tldap systemd # directory", "passwd:\t\tfiles ldap systemd # directory"),
        ("passwd:", "passwd: files"),
    ],
)
def test_without_them_sshd_does_not_even_start(line: str, becomes: str) -> None:
    tree = server({NSS: f"# nss\n{line}\ngroup: files\n"})
    finding = only_finding(tree, "nss-broken")
    assert (finding.step, finding.symptom) == (Step.SERVICE, Symptom.REFUSED)
    assert diff(mended(tree), NSS) == ([line], [becomes])


def test_for_shadow_alone_it_is_pam_that_closes() -> None:
    tree = server({**with_pam(), NSS: "passwd: files\nshadow: sss\n"})
    finding = only_finding(tree, "nss-broken")
    assert (finding.step, finding.symptom) == (Step.ACCOUNT, Symptom.CLOSED)
    assert diff(mended(tree), NSS) == (["shadow: sss"], ["shadow: files sss"])


def test_for_shadow_without_pam_nobody_cares() -> None:
    assert causes(server({NSS: "shadow: sss\n"})) == []


def test_an_empty_line_is_doubtful_even_then() -> None:
    assert only_finding(server({NSS: "shadow:\n"}), "nss-broken").severity is Severity.DOUBTFUL


@pytest.mark.parametrize("action", ["[NOTFOUND=return]", "[ !UNAVAIL = return ]"])
def test_what_another_source_may_end_is_doubtful(action: str) -> None:
    assert only_finding(server({NSS: f"passwd: sss {action} files\n"}), "nss-broken").severity is Severity.DOUBTFUL
