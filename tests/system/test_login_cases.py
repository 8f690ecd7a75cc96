"""A small sample of ``scripts/fuzz-login``, and every case that was once judged wrongly, by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.login import LoginServer, login_server
from tests.system.login_cases import Case, Verdict, made, tried
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system

SEEDS = range(10)

KEYS_OFF = "Match User alice\n  PubkeyAuthentication no\nMatch all"
ONCE_WRONG = {
    "root is held by no limit of logins": Case(
        user="root", pam_lines=("session required pam_limits.so",), limits=("root - maxlogins 0",)
    ),
    "the limit of a whole group counts for its members": Case(staff="alice", limits=("%staff - maxlogins 0",)),
    "pam_listfile applies lists of shells to everybody": Case(
        pam_lines=("account required pam_listfile.so item=shell sense=deny file=/etc/pam.list apply=@staff",),
        listed=None,
    ),
    "pam_deny in the session": Case(pam_lines=("session required pam_deny.so",)),
    "a ! in time.conf turns round one name alone": Case(
        pam_lines=("account required pam_time.so",), times=("sshd;*;!bob & alice;!Al0000-2400",)
    ),
    "no method is left after those that are switched off": Case(
        settings=("AuthenticationMethods publickey,publickey", KEYS_OFF), shell="/bin/zsh"
    ),
    "root may only start commands, and the key has none": Case(
        user="root", settings=("PermitRootLogin forced-commands-only", "ForceCommand echo out")
    ),
    "root may only start commands, and the key's says nothing": Case(
        user="root", settings=("PermitRootLogin forced-commands-only",), options='command="echo out"'
    ),
    "no line in shadow, and nobody who asks for it": Case(dates=None, pam_lines=("account sufficient pam_permit.so",)),
    "a shadow that is looked for elsewhere": Case(nsswitch="passwd: files\nshadow: sss\n"),
    "sshd's own user is looked for elsewhere": Case(pam=False, nsswitch="passwd: sss\n"),
    "root is held in a directory without a shell": Case(user="root", pam=False, settings=("ChrootDirectory %h",)),
    "a line that jumps over pam_nologin": Case(
        nologin=True, pam_lines=("account [success=1 default=ignore] pam_succeed_if.so user = alice",)
    ),
    "faillock counts, and lets a key pass": Case(pam_lines=("account required pam_faillock.so",)),
}


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServer]:
    with login_server(sshd_root(request.param), tmp_path_factory.mktemp("cases")) as made_server:
        yield made_server


@pytest.fixture(scope="module")
def stock(server: LoginServer) -> str:
    return (server.path / "etc/pam.d/sshd").read_text()


def told(verdict: Verdict) -> str:
    findings = "\n".join(f"{each.severity} {each.check}: {each.message}" for each in verdict.findings)
    return f"said {verdict.told}, seen {verdict.seen}: {verdict.case}\n{findings}\n{verdict.log[-2000:]}"


@pytest.mark.parametrize("name", ONCE_WRONG)
def test_a_case_that_was_judged_wrongly_once(server: LoginServer, stock: str, name: str) -> None:
    verdict = tried(server, stock, ONCE_WRONG[name])
    assert verdict.agrees, told(verdict)
    assert not verdict.doubtful


def test_a_healthy_server_lets_in_and_has_no_finding(server: LoginServer, stock: str) -> None:
    verdict = tried(server, stock, Case())
    assert (str(verdict.seen), verdict.findings) == ("ok", ())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_client_meets_what_the_examination_says(server: LoginServer, stock: str, seed: int) -> None:
    verdict = tried(server, stock, made(seed))
    assert verdict.agrees, told(verdict)
