"""PAM's modules that do not decide by files alone."""

from __future__ import annotations

import pytest

from rescue.model import Client
from rescue.tree import Entry, file
from tests.judging import gaps_of
from tests.pam_files import COMMON_ACCOUNT, MODULES, SSHD, with_pam
from tests.trees import PASSWORD_HASH

pytestmark = pytest.mark.unit


def _with(line: str, *modules: str) -> list[tuple[str, str]]:
    files = with_pam(sshd=SSHD + line + "\n")
    files.update({f"{MODULES}/{name}.so": file("ELF", 0o644) for name in modules})
    return gaps_of(files)


@pytest.mark.parametrize(
    ("line", "module", "step"),
    [
        ("account required pam_exec.so /usr/local/bin/check", "pam_exec", "account"),
        ("session required pam_exec.so /bin/false", "pam_exec", "session"),
        ("account requisite pam_script.so", "pam_script", "account"),
        ("account required pam_usertype.so issystem", "pam_usertype", "account"),
        ("session required pam_namespace.so", "pam_namespace", "session"),
        ("-session required pam_tty_audit.so enable=*", "pam_tty_audit", "session"),
        ("session required pam_debug.so open_session=session_err", "pam_debug", "session"),
        ("account [success=1 default=ignore] pam_ldap.so", "pam_ldap", "account"),
        ("session required pam_env.so conffile=/nowhere", "pam_env", "session"),
    ],
)
def test_a_module_that_may_say_no(line: str, module: str, step: str) -> None:
    assert _with(line, module) == [(step, "pam-rules")]


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("session optional pam_exec.so quiet /usr/local/bin/notify", "pam_exec"),
        ("account optional pam_ldap.so", "pam_ldap"),
        ("session required pam_env.so readenv=1", "pam_env"),
        ("session optional pam_umask.so umask=027", "pam_umask"),
        ("auth required pam_google_authenticator.so", "pam_google_authenticator"),
        ("session optional pam_lastlog.so", "pam_lastlog"),
    ],
)
def test_one_whose_answer_keeps_nobody_out(line: str, module: str) -> None:
    assert _with(line, module) == []


def test_rules_that_add_up_to_no() -> None:
    # pam_permit says yes, and the control makes a no of it.
    told = gaps_of(with_pam(common_session="session [default=die] pam_permit.so\n"))
    assert ("session", "pam-rules") in told
    assert ("account", "pam-rules") in gaps_of(
        with_pam(common_account=COMMON_ACCOUNT + "account rquired pam_permit.so\n")
    )


def test_an_include_that_leads_nowhere_spoils_its_own_stack_alone() -> None:
    assert gaps_of(with_pam(sshd=SSHD + "auth include gone\n")) == []


BY_PASSWORD: dict[str, Entry | str | None] = {
    **dict.fromkeys(("/root/.ssh/authorized_keys", "/home/alice/.ssh/authorized_keys")),
    "/etc/shadow": file(f"root:*:19700:0:99999:7:::\nalice:{PASSWORD_HASH}:19700:0:99999:7:::\n", 0o640, 0, 42),
}


@pytest.mark.parametrize(
    ("line", "module", "asked"),
    [
        ("auth required pam_sss.so use_first_pass", "pam_sss", True),
        ("auth required pam_exec.so /usr/local/bin/check", "pam_exec", True),
        ("auth required pam_duo.so", "pam_duo", True),
        ("auth optional pam_sss.so", "pam_sss", False),
        ("auth sufficient pam_krb5.so minimum_uid=1000", "pam_krb5", False),
        ("auth required pam_env.so", "pam_env", False),
    ],
)
def test_a_password_passes_the_stack_auth_as_well(line: str, module: str, asked: bool) -> None:
    files = with_pam(sshd=SSHD + line + "\n")
    files |= {f"{MODULES}/{module}.so": file("ELF", 0o644), "/etc/duo/pam_duo.conf": file("", 0o600), **BY_PASSWORD}
    client = Client(user="alice", by_password=True)
    assert gaps_of(files, client) == ([("key", "pam-rules")] if asked else [])
