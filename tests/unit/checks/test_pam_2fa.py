from collections.abc import Mapping

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Entry, Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.pam_files import COMMON_AUTH, MODULES, SSHD, with_pam
from tests.trees import PASSWORD_HASH, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
SECRET = "/home/alice/.google_authenticator"
CODES = "AuthenticationMethods publickey,keyboard-interactive\n"
LINE = "auth required pam_google_authenticator.so"


SHADOW = f"root:*:19700:0:99999:7:::\nalice:{PASSWORD_HASH}:19700:0:99999:7:::\n"


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
    listed = alone("auth required pam_u2f.so").write("/home/alice/.config/Yubico/u2f_keys", "alice:x,y,es256,+presence")
    assert causes(listed, ALICE) == []


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


NOBODY: dict[str, Entry | str | None] = {"/home/alice/.ssh/authorized_keys": None, "/root/.ssh/authorized_keys": None}


def by_password(lines: str, *, keyboard: bool, more: Mapping[str, Entry | str | None] | None = None) -> Tree:
    """A server on which alice has a password and no key; `lines` come behind common-auth."""
    config = SSHD_CONFIG
    if keyboard:
        config = config.replace("KbdInteractiveAuthentication no", "KbdInteractiveAuthentication yes")
    names = ("google_authenticator", "oath", "u2f", "duo", "securetty", "sss", "faillock", "usertype", "localuser")
    modules = {f"{MODULES}/pam_{name}.so": file("ELF") for name in names}
    pam = with_pam(sshd=SSHD.replace("@include common-auth\n", f"@include common-auth\n{lines}"))
    shadow = file(SHADOW, 0o640, 0, 42)
    return server({**pam, **modules, **NOBODY, "/etc/shadow": shadow, "/etc/ssh/sshd_config": config, **(more or {})})


@pytest.mark.parametrize("line", [LINE, "auth required pam_oath.so usersfile=/etc/users.oath"])
def test_a_code_that_sshd_can_not_ask_for(line: str) -> None:
    own: dict[str, Entry | str | None] = {SECRET: OWN, "/etc/users.oath": "HOTP/T30/6 alice - 3132333435363738\n"}
    tree = by_password(f"{line}\n", keyboard=False, more=own)
    finding = only_finding(tree, "pam-2fa", ALICE)
    assert "can't ask for it: KbdInteractiveAuthentication is no" in finding.message
    plan = mended(tree, ALICE)
    assert diff(plan, "/etc/ssh/sshd_config")[1] == ["KbdInteractiveAuthentication yes"]
    assert causes(by_password(f"{line}\n", keyboard=True, more=own), ALICE) == []
    assert causes(by_password(f"{line} try_first_pass\n", keyboard=False, more=own), ALICE) == []


def test_nobody_is_asked_for_a_code_that_has_none() -> None:
    assert causes(by_password(f"{LINE} nullok\n", keyboard=False), ALICE) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("pam_oath.so", "/etc/users.oath, its users' file, is missing"),
        ("pam_oath.so usersfile=/etc/codes", "/etc/codes has no line for alice"),
        ("pam_u2f.so", "/home/alice/.config/Yubico/u2f_keys, its list of devices, is missing"),
        ("pam_duo.so", "/etc/security/pam_duo.conf, its settings, is missing"),
        ("pam_duo.so conf=/etc/duo.conf", "/etc/duo.conf, its settings, must be root's alone (mode 0600)"),
    ],
)
def test_a_second_factor_whose_own_file_refuses(line: str, why: str) -> None:
    files: dict[str, Entry | str | None] = {
        "/etc/codes": "# HOTP alice - 31\nHOTP bob - 3132\n", "/etc/duo.conf": file("skey=1", 0o644),
    }  # fmt: skip
    tree = by_password(f"auth required {line}\n", keyboard=True, more=files)
    finding = only_finding(tree, "pam-2fa", ALICE)
    assert why in finding.message
    plan = mended(tree, ALICE, any_repairs)
    assert diff(plan, "/etc/pam.d/sshd") == ([f"auth required {line}"], [f"#auth required {line}"])


def test_root_at_a_terminal_that_is_not_listed() -> None:
    more: dict[str, Entry | str | None] = {
        "/etc/securetty": "console\ntty1\n",
        "/etc/shadow": file(SHADOW.replace("root:*", f"root:{PASSWORD_HASH}"), 0o640, 0, 42),
        "/etc/ssh/sshd_config": f"PermitRootLogin yes\n{SSHD_CONFIG}",
    }
    line = "auth required pam_securetty.so\n"
    root = Client(user="root")
    assert (
        "/etc/securetty has no line 'ssh'"
        in only_finding(by_password(line, keyboard=False, more=more), "pam-2fa", root).message
    )
    assert causes(by_password(line, keyboard=False, more={**more, "/etc/securetty": "tty1\nssh\n"}), root) == []
    assert causes(by_password(line, keyboard=False, more={**more, "/etc/securetty": None}), root) == []
    assert causes(by_password(line, keyboard=False, more=more), ALICE) == []


AUTHSELECT = """\
auth        required      pam_env.so
auth        required      pam_faildelay.so delay=2000000
auth        required      pam_faillock.so preauth silent
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        [default=1 ignore=ignore success=ok]         pam_localuser.so
auth        sufficient    pam_unix.so nullok
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        sufficient    pam_sss.so forward_pass
auth        required      pam_faillock.so authfail
auth        required      pam_deny.so
"""


def test_the_stack_of_authselect_takes_passwords() -> None:
    names = ("env", "faildelay")
    more: dict[str, Entry | str | None] = {f"{MODULES}/pam_{name}.so": file("ELF") for name in names}
    more["/etc/pam.d/common-auth"] = AUTHSELECT
    assert causes(by_password("", keyboard=False, more=more), ALICE) == []


def test_a_jump_that_lands_on_pam_deny_is_made_longer() -> None:
    stack = (
        "auth [success=1 default=ignore] pam_unix.so nullok\nauth optional pam_permit.so\n"
        "auth requisite pam_deny.so\nauth required pam_permit.so\n"
    )
    broken = stack.replace("auth optional pam_permit.so\n", "auth required pam_gone.so\n", 1)
    tree = by_password("", keyboard=False, more={"/etc/pam.d/common-auth": stack})
    assert causes(tree, ALICE) == ["pam-2fa"]
    plan = mended(tree, ALICE, any_repairs)
    assert diff(plan, "/etc/pam.d/common-auth")[1] == ["auth [success=2 default=ignore] pam_unix.so nullok"]
    assert causes(by_password("", keyboard=False, more={"/etc/pam.d/common-auth": broken}), ALICE) == ["pam-2fa"]


def test_an_emptied_common_auth_comes_back() -> None:
    copy = file(COMMON_AUTH, 0o644)
    more: dict[str, Entry | str | None] = {"/etc/pam.d/common-auth": "", "/etc/pam.d/common-auth~": copy}
    tree = by_password("", keyboard=False, more=more)
    finding = only_finding(tree, "pam-2fa", ALICE)
    assert "/etc/pam.d/common-auth~" in finding.repairs[0].title
    deny: dict[str, Entry | str | None] = {"/etc/pam.d/other": "auth required pam_deny.so\n"}
    other = by_password("", keyboard=False, more={**more, **deny})
    assert "/etc/pam.d/common-auth~" in only_finding(other, "pam-2fa", ALICE).repairs[0].title


@pytest.mark.parametrize("arguments", ["", " nullok"])
def test_a_module_that_was_uninstalled_and_is_still_asked(arguments: str) -> None:
    gone: dict[str, Entry | str | None] = {f"{MODULES}/pam_google_authenticator.so": None, SECRET: OWN}
    tree = by_password(f"{LINE}{arguments}\n", keyboard=False, more=gone)
    assert "pam_google_authenticator.so is missing" in only_finding(tree, "pam-2fa", ALICE).message
    assert diff(mended(tree, ALICE, any_repairs), "/etc/pam.d/sshd")[1] == [f"#{LINE}{arguments}"]
