import pytest

from rescue.model import Client, Safety, Symptom
from rescue.plan import any_repairs
from rescue.tree import Entry, Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
SECRET = "/home/alice/.google_authenticator"
CODES = "AuthenticationMethods publickey,keyboard-interactive\n"
LINE = "auth required pam_google_authenticator.so"


def asking(arguments: str = "", config: str = CODES, control: str = "required", **more: Entry | str | None) -> Tree:
    line = f"auth {control} pam_google_authenticator.so {arguments}".rstrip()
    config = SSHD_CONFIG.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes") + config
    return server({
        **with_pam(sshd=f"{line}\n{SSHD}"), f"{MODULES}/pam_google_authenticator.so": file("ELF"),
        "/etc/ssh/sshd_config": config, **more,
    })  # fmt: skip


OWN = file("SECRET\n", 0o400, 1000, 1000)


@pytest.mark.parametrize(
    "tree",
    [
        asking(**{SECRET: OWN}),
        asking("nullok"),
        asking(config=""),
        asking(control="optional"),
        asking(config=f"{CODES[:-1]} publickey\n"),
        asking("secret=/etc/codes/${USER}", **{"/etc/codes/alice": file("S", 0o600)}),
        asking("secret=/etc/%x"),
    ],
)
def test_who_has_a_secret_or_is_not_asked_is_no_finding(tree: Tree) -> None:
    assert causes(tree, ALICE) == []


def test_without_one_a_person_makes_it_or_nobody_is_asked() -> None:
    tree = asking()
    finding = only_finding(tree, "pam-2fa", ALICE)
    assert (finding.symptom, [each.safety for each in finding.repairs]) == (
        Symptom.DENIED, [Safety.MANUAL, Safety.UNSAFE],
    )  # fmt: skip
    assert diff(mended(tree, ALICE, any_repairs), "/etc/pam.d/sshd") == ([LINE], [f"{LINE} nullok"])


def test_one_that_is_open_to_others_is_closed() -> None:
    entry = mended(asking(**{SECRET: file("SECRET\n", 0o644, 1000, 1000)}), ALICE).after.facts.tree.entry(SECRET)
    assert entry is not None
    assert entry.mode == 0o600
