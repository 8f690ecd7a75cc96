from collections.abc import Mapping

import pytest

from rescue.model import Client, Safety, Severity, Symptom
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


SHADOW = "root:*:19700:0:99999:7:::\nalice:$y$j9T$salt$hash:19700:0:99999:7:::\n"


def asking(
    arguments: str = "", config: str = CODES, control: str = "required", more: Mapping[str, Entry | str] | None = None
) -> Tree:
    line = f"auth {control} pam_google_authenticator.so {arguments}".rstrip()
    config = SSHD_CONFIG.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes") + config
    return server({
        **with_pam(sshd=f"{line}\n{SSHD}"), f"{MODULES}/pam_google_authenticator.so": file("ELF"),
        "/etc/shadow": file(SHADOW, 0o640, 0, 42), "/etc/ssh/sshd_config": config, **(more or {}),
    })  # fmt: skip


OWN = file("SECRET\n", 0o400, 1000, 1000)


@pytest.mark.parametrize(
    "tree",
    [
        asking(more={SECRET: OWN}),
        asking("nullok"),
        asking(config=""),
        asking(control="optional"),
        asking(config=f"{CODES[:-1]} publickey\n"),
        asking("secret=/etc/codes/${USER}", more={"/etc/codes/alice": file("S", 0o600)}),
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
    entry = mended(asking(more={SECRET: file("SECRET\n", 0o644, 1000, 1000)}), ALICE).after.facts.tree.entry(SECRET)
    assert entry is not None
    assert entry.mode == 0o600


def alone(*lines: str, config: str = CODES, shadow: str = SHADOW) -> Tree:
    """A server that does not ask for the password beside the code."""
    rest = SSHD.replace("@include common-auth", "#@include common-auth")
    config = SSHD_CONFIG.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes") + config
    modules = {f"{MODULES}/pam_{name}.so": file("ELF") for name in ("google_authenticator", "u2f", "env")}
    text = "".join(f"{line}\n" for line in lines)
    return server(
        {**with_pam(sshd=rest + text), **modules, "/etc/ssh/sshd_config": config, "/etc/shadow": file(shadow)}
    )


NULLOK = f"{LINE} nullok"


@pytest.mark.parametrize(
    "lines", [(NULLOK,), ("auth required pam_env.so", NULLOK), (f"{NULLOK} secret=/etc/codes/gone",)]
)
def test_a_stack_in_which_nobody_says_yes_is_a_no(lines: tuple[str, ...]) -> None:
    tree = alone(*lines)
    finding = only_finding(tree, "pam-2fa", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert diff(mended(tree, ALICE), "/etc/pam.d/sshd") == ([], ["auth required pam_permit.so"])


@pytest.mark.parametrize(
    "line", ["auth required pam_permit.so", "auth sufficient pam_permit.so", "@include common-auth"]
)
def test_one_line_that_says_yes_is_enough(line: str) -> None:
    assert causes(alone(NULLOK, line), ALICE) == []


def test_no_open_door_for_those_who_need_no_key() -> None:
    config = "Match User alice\nAuthenticationMethods publickey,keyboard-interactive\n"
    finding = only_finding(alone(NULLOK, config=config), "pam-2fa", ALICE)
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]
    assert [each.edit for each in finding.repairs] == [None]


def test_another_module_that_leaves_people_alone_is_a_doubt() -> None:
    assert only_finding(alone("auth required pam_u2f.so nouserok"), "pam-2fa", ALICE).severity is Severity.DOUBTFUL
    assert causes(alone("auth required pam_u2f.so"), ALICE) == []


def test_a_password_is_asked_for_that_is_not_there() -> None:
    tree = alone("@include common-auth", shadow="root:*:19700:0:99999:7:::\nalice:!:19700:0:99999:7:::\n")
    finding = only_finding(tree, "sshd-auth-methods", ALICE)
    assert "keyboard-interactive" in finding.message
    assert causes(alone("@include common-auth"), ALICE) == []


@pytest.mark.parametrize("line", ["auth required pam_deny.so", "auth required pam_gone.so"])
def test_a_line_that_says_no_to_everybody(line: str) -> None:
    tree = alone("auth required pam_permit.so", line)
    finding = only_finding(tree, "pam-2fa", ALICE)
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE]
    assert diff(mended(tree, ALICE, any_repairs), "/etc/pam.d/sshd")[1] == [f"#{line}"]


def test_a_password_alone_asks_the_same_stack() -> None:
    nobody = {"/home/alice/.ssh/authorized_keys": None, "/root/.ssh/authorized_keys": None}
    shadow = {"/etc/shadow": file(SHADOW, 0o640, 0, 42)}
    assert causes(server({**with_pam(), **nobody, **shadow}), ALICE) == []
    tree = server({**with_pam(common_auth="auth required pam_deny.so\n"), **nobody, **shadow})
    finding = only_finding(tree, "pam-2fa", ALICE)
    assert [each.edit for each in finding.repairs] == [None]
