"""What keeps one user out, worked out from the files, against real logins at a real sshd with the real PAM.

Everything that a login with a key hangs on behind the firewall is varied: the account's lines, its shell, PAM's rules,
sshd's settings, the key's own options. For each case the client either gets in, is denied, or sees the connection
close; an examination has to say the same.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from os import environ
from shutil import rmtree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.login_path import login_path
from rescue.model import Client, Finding, Severity, Step, Symptom
from rescue.survey import survey
from rescue.targets.files.directory import DirectoryTarget
from tests.system.login import LoginServer, login_server
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system

ALICE = 1000
HASH = "$6$salt$" + "x" * 86
LOGIN_LINKS = (Step.ACCEPT, Step.ACCOUNT, Step.KEY, Step.SESSION)
EXAMPLES = int(environ.get("RESCUE_LOGINS", "40"))
"""How many generated logins each release is asked for; the full count is 300."""


def today(shift: int = 0) -> str:
    return str((datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days + shift)


@dataclass(frozen=True)
class Case:
    """What differs from a healthy account. None of shadow: the account has no line."""

    pam: bool = True
    word: str = "*"
    dates: tuple[str, str, str, str] | None = ("19700", "99999", "", "")
    shell: str = "/bin/bash"
    settings: tuple[str, ...] = ()
    options: str = ""
    pam_lines: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    nologin: bool = False
    revoked: str | None = ""


changed = st.sampled_from(["", "0", "19700", today(), today(-20), today(-40), today(7)])
limits = st.sampled_from(["", "99999", "30", "0", "99999"])
inactive = st.sampled_from(["", "", "5", "0"])
expire = st.sampled_from(["", "", "", "0", "1", today(), today(1), today(-1), "99999"])
LINES = (
    "PubkeyAuthentication no", "PubkeyAuthentication yes", "AuthenticationMethods publickey,password",
    "AuthenticationMethods publickey", "AuthenticationMethods publickey,publickey", "AuthorizedKeysFile /etc/keys/%u",
    "AuthorizedKeysFile none", "AuthorizedKeysFile %h/.ssh/authorized_keys /nowhere", "RevokedKeys /etc/ssh/revoked",
    "PubkeyAcceptedAlgorithms rsa-sha2-512", "PubkeyAcceptedAlgorithms -ssh-ed25519",
    "PubkeyAcceptedAlgorithms ssh-ed*",
    "PubkeyAcceptedAlgorithms +ssh-rsa", "ChrootDirectory %h", "ChrootDirectory /", "ChrootDirectory none",
    "AllowUsers alice", "AllowUsers bob", "DenyGroups alice", "Match User alice\n  PubkeyAuthentication no\nMatch all",
)  # fmt: skip
OPTIONS = ("no-pty", 'expiry-time="20200101"', 'expiry-time="29990101Z"', 'command="echo out"', "restrict")
PAM_LINES = (
    "account required pam_access.so", "account required pam_tally2.so", "account requisite pam_gone.so",
    "account optional pam_gone.so", "session required pam_gone.so", "session optional pam_gone.so",
    "account [default=ignore] pam_gone.so", "account sufficient pam_permit.so", "account required pam_permit.so",
    "auth required pam_gone.so", "account [success=1 default=ignore] pam_permit.so", "@include common-gone",
    "junk required pam_gone.so", "account required pam_deny.so",
)  # fmt: skip
ACCESS = ("-:ALL:ALL", "+:alice:ALL", "-:alice:ALL", "+:(alice):ALL", "-:ALL EXCEPT alice:ALL", "-:bob:ALL")
SHELLS = ("/bin/bash", "/bin/sh", "", "/usr/sbin/nologin", "/bin/false", "/bin/zsh", "/etc/passwd", "/etc")

cases = st.builds(
    Case,
    pam=st.sampled_from([True, True, True, False]),
    word=st.sampled_from(["*", "*", "!", "!!", "!*", "*LK*", HASH, f"!{HASH}", "x"]),
    dates=st.one_of(st.just(("19700", "99999", "", "")), st.tuples(changed, limits, inactive, expire), st.none()),
    shell=st.sampled_from(["/bin/bash", "/bin/bash", "/bin/bash", *SHELLS]),
    settings=st.lists(st.sampled_from(LINES), max_size=2).map(tuple),
    options=st.sampled_from(["", "", *OPTIONS]),
    pam_lines=st.lists(st.sampled_from(PAM_LINES), max_size=2).map(tuple),
    access=st.lists(st.sampled_from(ACCESS), max_size=3).map(tuple),
    nologin=st.sampled_from([False] * 7 + [True]),
    revoked=st.sampled_from(["", "", "KEY", None]),
)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServer]:
    with login_server(sshd_root(request.param), tmp_path_factory.mktemp("policy")) as made:
        yield made


@pytest.fixture(scope="module")
def stock(server: LoginServer) -> str:
    """The release's own /etc/pam.d/sshd."""
    return (server.path / "etc/pam.d/sshd").read_text()


def plant(server: LoginServer, stock: str, case: Case) -> None:
    root = server.path
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
        f"alice:x:{ALICE}:{ALICE}::/home/alice:{case.shell}\n"
    )
    (root / "etc/group").write_text(f"root:x:0:\nalice:x:{ALICE}:\nnogroup:x:65534:\n")
    line = ""
    if case.dates is not None:
        last, most, idle, end = case.dates
        line = f"alice:{case.word}:{last}:0:{most}:7:{idle}:{end}:\n"
    (root / "etc/shadow").write_text(f"root:*:19700:0:99999:7:::\n{line}")
    rmtree(root / "home", ignore_errors=True)
    keys = root / "home/alice/.ssh/authorized_keys"
    keys.parent.mkdir(parents=True)
    keys.write_text(f"{case.options} {server.public_key}\n".lstrip())
    for path, mode in ((root / "home/alice", 0o755), (keys.parent, 0o700), (keys, 0o600)):
        path.chmod(mode)
        subprocess.run(["chown", f"{ALICE}:{ALICE}", str(path)], check=True)
    (root / "etc/pam.d/sshd").write_text("".join(f"{each}\n" for each in case.pam_lines) + stock)
    (root / "etc/security/access.conf").write_text("".join(f"{each}\n" for each in case.access))
    (root / "etc/ssh/sshd_config").write_text("\n".join([f"UsePAM {'yes' if case.pam else 'no'}", *case.settings, ""]))
    for path, content in ((root / "etc/nologin", "no\n" if case.nologin else None),
                          (root / "etc/ssh/revoked", case.revoked)):  # fmt: skip
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content.replace("KEY", server.public_key))


def seen(server: LoginServer) -> tuple[Symptom, str]:
    """What the client sees of a real login."""
    inside, log = server.login("alice")
    if inside:
        return Symptom.OK, log
    return (Symptom.DENIED if "Permission denied (" in log else Symptom.CLOSED), log


def predicted(server: LoginServer) -> tuple[Symptom, tuple[Finding, ...]]:
    """What an examination of the files says of the login itself."""
    client = Client(user="alice", key=server.public_key)
    with closing(DirectoryTarget(str(server.path))) as target:
        _, examination = survey(target, client)
    found = tuple(each for each in examination.findings if each.step in LOGIN_LINKS)
    broken = [each for each in found if each.severity is Severity.BROKEN]
    return login_path(broken, LOGIN_LINKS).symptom, found


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(case=Case())
@example(case=Case(dates=("", "30", "", "")))
@example(case=Case(dates=None))
@example(case=Case(dates=None, pam=False))
@example(case=Case(dates=("0", "99999", "", "")))
@example(case=Case(dates=("0", "99999", "", ""), pam=False))
@example(case=Case(dates=("19700", "30", "5", "")))
@example(case=Case(dates=("19700", "99999", "", today())))
@example(case=Case(dates=("19700", "99999", "", today()), pam=False))
@example(case=Case(word="!", pam=False))
@example(case=Case(word=f"!{HASH}", pam=False))
@example(case=Case(shell="/bin/zsh", pam_lines=("account required pam_deny.so",)))
@example(case=Case(shell="/usr/sbin/nologin", options='command="echo out"'))
@example(case=Case(settings=("RevokedKeys /etc/ssh/revoked",), revoked=None))
@example(case=Case(settings=("RevokedKeys /etc/ssh/revoked",), revoked="KEY"))
@example(case=Case(settings=("ChrootDirectory %h",)))
@example(case=Case(settings=("ChrootDirectory /",)))
@example(case=Case(settings=("ChrootDirectory /",), shell="/bin/zsh"))
@example(case=Case(pam_lines=("account required pam_access.so",), access=("-:ALL EXCEPT alice:ALL", "-:ALL:ALL")))
@example(case=Case(pam_lines=("account sufficient pam_permit.so",), dates=("0", "30", "", "1")))
@example(case=Case(pam_lines=("session required pam_gone.so",)))
@example(case=Case(pam_lines=("@include common-gone",)))
@example(case=Case(pam_lines=("@include common-gone",), shell="/bin/zsh"))
@example(case=Case(pam_lines=("@include common-gone",), pam=False))
@example(case=Case(dates=None, options='expiry-time="20200101"'))
@example(case=Case(settings=("AuthenticationMethods publickey,publickey",)))
@example(case=Case(nologin=True))
@example(case=Case(nologin=True, pam=False))
@given(case=cases)
def test_the_examination_says_what_the_client_sees(server: LoginServer, stock: str, case: Case) -> None:
    plant(server, stock, case)
    told, findings = predicted(server)
    symptom, log = seen(server)
    if any(each.severity is Severity.DOUBTFUL for each in findings) and told is Symptom.OK:
        return  # a doubt is no claim
    assert symptom is told, (case, [f"{each.check}: {each.message}" for each in findings], log[-3000:])
