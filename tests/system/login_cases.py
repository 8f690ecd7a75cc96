"""Servers made at random for real logins: all that a login with a key hangs on, from modes to PAM, several at once.

A case is made from a seed alone, so that a counter-example is a number. `plant` makes a Debian root that case, `seen`
is what a real client meets there, and `predicted` what an examination of the files says of it beforehand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from shutil import rmtree

from rescue.login_path import login_path
from rescue.model import Client, Finding, Severity, Step, Symptom
from rescue.survey import survey
from rescue.targets.files.directory import DirectoryTarget
from tests.system.login import LoginServer

ALICE, BOB, STRANGER, STAFF = 1000, 1001, 1234, 50
HASH = "$6$salt$" + "x" * 86
HASHES = [HASH, f"!{HASH}"]
LOGIN_LINKS = (Step.ACCEPT, Step.ACCOUNT, Step.KEY, Step.SESSION)

STOPPING = ("sshd-config-error", "nss-broken")
"""Causes for which sshd does not start, so that over a pipe the connection closes."""

LAYOUTS = ("plain", "plain", "plain", "linked home", "linked ssh", "linked file", "central")
COMPONENTS = ("home", "ssh", "file")
MODES = {
    "home": (0o755, 0o700, 0o775, 0o777, 0o711, 0o750, 0o770, 0o1777),
    "ssh": (0o700, 0o755, 0o775, 0o777, 0o600, 0o500, 0o000),
    "file": (0o600, 0o644, 0o664, 0o666, 0o400, 0o640, 0o000),
}
SETTINGS = (
    "PubkeyAuthentication no", "AuthenticationMethods publickey", "AuthenticationMethods publickey,password",
    "AuthenticationMethods publickey,publickey", "AuthorizedKeysFile none", "StrictModes no",
    "AuthorizedKeysFile %h/.ssh/authorized_keys /nowhere", "AuthorizedKeysFile .ssh/other",
    "RevokedKeys /etc/ssh/revoked",
    "PubkeyAcceptedAlgorithms rsa-sha2-512", "PubkeyAcceptedAlgorithms -ssh-ed25519", "PermitRootLogin no",
    "PubkeyAcceptedAlgorithms ssh-ed*", "PermitRootLogin prohibit-password", "PermitRootLogin forced-commands-only",
    "ChrootDirectory %h", "ChrootDirectory /", "AllowUsers alice", "AllowUsers bob", "AllowUsers alice,bob",
    "AllowUsers * !alice", "AllowUsers ALICE", "AllowUsers al?ce root", "DenyUsers alice", "DenyUsers a* !alice",
    "AllowGroups staff", "AllowGroups alice root", "AllowGroups nobodys", "DenyGroups staff", "DenyGroups bob",
    "Match User alice\n  PubkeyAuthentication no\nMatch all", "Match Group staff\n  AllowUsers bob\nMatch all",
    "Match User root\n  PermitRootLogin no\nMatch all", "MaxSessions 10", "ForceCommand echo out",
)  # fmt: skip
OPTIONS = (
    "no-pty", 'expiry-time="20200101"', 'expiry-time="29990101Z"', 'command="echo out"', "restrict", "cert-authority",
    'command="exec $SSH_ORIGINAL_COMMAND"',
)  # fmt: skip
PAM_LINES = (
    "account required pam_access.so", "account required pam_tally2.so", "account requisite pam_gone.so",
    "account optional pam_gone.so", "session required pam_gone.so", "-session optional pam_gone.so",
    "account [default=ignore] pam_gone.so", "account sufficient pam_permit.so", "auth required pam_gone.so",
    "account [success=1 default=ignore] pam_permit.so", "@include common-gone", "account required pam_deny.so",
    "account required pam_listfile.so item=user sense=allow file=/etc/pam.list onerr=fail",
    "account required pam_listfile.so item=user sense=deny file=/etc/pam.list onerr=succeed",
    "account required pam_listfile.so item=group sense=allow file=/etc/pam.list onerr=fail",
    "account required pam_listfile.so item=shell sense=allow file=/etc/shells onerr=fail",
    "account required pam_listfile.so item=shell sense=deny file=/etc/pam.list apply=@staff",
    "account required pam_listfile.so item=tty sense=allow file=/etc/pam.list",
    "account required pam_listfile.so item=user file=/etc/pam.list",
    "session required pam_listfile.so item=user sense=deny file=/etc/pam.list onerr=fail",
    "account required pam_time.so", "session required pam_limits.so", "account required pam_shells.so",
    "account required pam_succeed_if.so user ingroup staff", "account required pam_succeed_if.so uid >= 1000 quiet",
    "account requisite pam_succeed_if.so user notingroup staff", "account required pam_succeed_if.so user in root:bob",
    "account sufficient pam_succeed_if.so uid < 500 quiet", "account required pam_succeed_if.so shell = /bin/bash",
    "account [success=1 default=ignore] pam_succeed_if.so user = alice",
    "account required pam_succeed_if.so uid eq 0x3e8",
    "account required pam_succeed_if.so user =~ al*", "account required pam_succeed_if.so user",
    "account required pam_faillock.so", "account required pam_nologin.so", "account required pam_localuser.so",
    "account required pam_warn.so", "session required pam_warn.so", "session required pam_deny.so",
    "account [default=die success=ok] pam_time.so", "account requisite pam_access.so nodefgroup",
)  # fmt: skip
ACCESS = (
    "-:ALL:ALL", "+:alice:ALL", "-:alice:ALL", "+:(staff):ALL", "-:ALL EXCEPT alice:ALL", "-:bob:ALL", "-:staff:ALL",
    "+:root:LOCAL", "-:root:ALL",
)  # fmt: skip
LISTED = (
    "alice\n", "bob\n", "bob\nalice", "staff\n", "", "alice\r\n", "/bin/bash\n", "ssh\n", "/dev/ssh\n", " alice\n", None
)  # fmt: skip
TIMES = (
    "sshd;*;alice;!Al0000-2400", "sshd;*;alice;Al0000-2400", "*;*;*;Al0000-2400", "sshd;ssh;a*;!Al0000-2400",
    "sshd;tty*;alice;!Al0000-2400", "login|sshd;*;!root;!Al0000-2400", "sshd & login;*;alice;!Al0000-2400",
    "sshd;*;!bob & alice;!Al0000-2400", "sshd;*;bob | alice;!Al0000-2400", "#sshd;*;alice;!Al0000-2400",
    "sshd;*;alice;Xx0000-2400", "sshd;*;alice;AlAl0000-2400", "sshd;*;alice", "sshd;*;alice;Al0000-2400;more",
    "sshd;*;alice;Al", "sshd;*;al*e;!Al0000-2400", "sshd;*;alice bob;!Al0000-2400", "sshd;*;\\\nalice;!Al0000-2400",
)  # fmt: skip
LIMITS = (
    "* hard maxlogins 0", "alice - maxlogins 0", "@staff - maxlogins 0", "alice hard maxlogins 5",
    "alice soft maxsyslogins 0",
    "1000: - maxlogins 0", "1001: - maxlogins 0", ":999 hard maxlogins 0", "* - nproc 0", "alice hard nproc 100",
    "root - maxlogins 0", "* hard core 0", "bob - maxlogins 0", "alice - maxlogins unlimited", "%staff - maxlogins 0",
    "# alice - maxlogins 0", "alice - maxlogins", "@staff hard maxlogins 9", "alice -", "* -", "% - maxlogins 0",
)  # fmt: skip
SHELLS = (
    "/bin/bash", "/bin/sh", "", "/usr/sbin/nologin", "/bin/false", "/bin/zsh", "/etc/passwd", "/etc", "/bin/bash\r"
)  # fmt: skip
SHELL_LISTS = ("/bin/sh\n/bin/bash\n", "/bin/sh\n", "# none\n", "/bin/bash", "/bin/bash \n", None)


NSSWITCH = "passwd: files\ngroup: files\nshadow: files\n"
SOURCES = (
    None, "", "passwd: files\nshadow: sss\n", "passwd: sss\n", "passwd: sss files\ngroup: files\n",
    "passwd: files\nshadow: sss [NOTFOUND=return] files\n", "passwd:files\nshadow:compat\n", "#passwd: sss\n",
    "passwd: files\nshadow: sss [UNAVAIL=return] files\n", "passwd: files\nshadow:\n",
    "passwd: files\nshadow: nowhere\n",
)  # fmt: skip


def today(shift: int = 0) -> str:
    return str((datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days + shift)


@dataclass(frozen=True)
class Case:
    """What differs from a healthy account. None of dates: no line in shadow; of a file: it is not there."""

    user: str = "alice"
    layout: str = "plain"
    modes: Mapping[str, int] = field(default_factory=dict)
    owners: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    staff: str = ""
    private: bool = True
    pam: bool = True
    word: str = "*"
    dates: tuple[str, str, str, str] | None = ("19700", "99999", "", "")
    shell: str = "/bin/bash"
    settings: tuple[str, ...] = ()
    options: str = ""
    pam_lines: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    listed: str | None = "alice\n"
    list_mode: int = 0o644
    times: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    shells: str | None = "/bin/sh\n/bin/bash\n"
    shells_mode: int = 0o644
    nologin: bool = False
    nsswitch: str | None = NSSWITCH
    revoked: str | None = ""


def made(seed: int) -> Case:
    """The case of a seed: healthy but in a few places."""
    rng = Random(seed)

    def some(words: tuple[str, ...], most: int) -> tuple[str, ...]:
        return tuple(rng.choice(words) for _ in range(rng.randint(0, most)))

    def maybe(chance: float) -> bool:
        return rng.random() < chance

    parts = tuple(rng.choice(COMPONENTS) for _ in range(rng.randint(0, 2))) if maybe(0.5) else ()
    owned = (rng.choice(COMPONENTS),) if maybe(0.25) else ()
    dates = ("19700", "99999", "", "")
    if maybe(0.25):
        dates = (
            rng.choice(["", "0", "19700", today(), today(-20), today(-40), today(7)]),
            rng.choice(["", "99999", "30", "0"]), rng.choice(["", "", "5", "0"]),
            rng.choice(["", "", "0", "1", today(), today(1), today(-1), "99999"]),
        )  # fmt: skip
    with_pam = maybe(0.85)
    lines = some(PAM_LINES, 3) if with_pam and maybe(0.75) else ()
    settings = some(SETTINGS, 2) if maybe(0.5) else ()
    if any("common-gone" in each for each in lines):
        # sshd ends then, while a client that has no method left says so itself: which is first is chance.
        settings = tuple(each for each in settings if "PubkeyAuthentication no" not in each)
    # A password may be asked for beside the key, and a person would know it: the client of these tests does not.
    words = ["*", "*", "*", "!", "!!", "!*", "*LK*", "x"]
    if not any("password" in each for each in settings):
        words += HASHES
    return Case(
        user="root" if maybe(0.15) else "alice",
        layout=rng.choice(LAYOUTS),
        modes={part: rng.choice(MODES[part]) for part in parts},
        owners={part: (rng.choice([0, ALICE, BOB, STRANGER]), rng.choice([0, ALICE, BOB, STAFF])) for part in owned},
        staff=rng.choice(["", "alice", "bob", "alice,bob", "root"]),
        private=maybe(0.8),
        pam=with_pam,
        word=rng.choice(words),
        dates=None if maybe(0.05) else dates,
        shell=rng.choice(SHELLS) if maybe(0.2) else "/bin/bash",
        settings=settings,
        options=rng.choice(OPTIONS) if maybe(0.15) else "",
        pam_lines=lines,
        access=some(ACCESS, 3),
        listed=rng.choice(LISTED),
        list_mode=0o666 if maybe(0.1) else 0o644,
        times=some(TIMES, 2),
        limits=some(LIMITS, 2),
        shells=rng.choice(SHELL_LISTS) if maybe(0.5) else "/bin/sh\n/bin/bash\n",
        shells_mode=0o666 if maybe(0.1) else 0o644,
        nologin=maybe(0.05),
        nsswitch=rng.choice(SOURCES) if maybe(0.06) else NSSWITCH,
        revoked=rng.choice(["", "KEY", None]),
    )


def plant(server: LoginServer, stock: str, case: Case) -> None:
    """Make the root that case. stock: the release's own /etc/pam.d/sshd."""
    root = server.path
    home = "/root" if case.user == "root" else "/home/alice"
    bobs = ALICE if not case.private else BOB
    _write(root, "etc/passwd",
        f"root:x:0:0:root:/root:{case.shell if case.user == 'root' else '/bin/bash'}\n"
        "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
        f"alice:x:{ALICE}:{ALICE}::/home/alice:{case.shell if case.user == 'alice' else '/bin/bash'}\n"
        f"bob:x:{BOB}:{bobs}::/home/bob:/bin/sh\n",
    )  # fmt: skip
    _write(root, "etc/group",
        f"root:x:0:\nstaff:x:{STAFF}:{case.staff}\nalice:x:{ALICE}:\nbob:x:{BOB}:\nnogroup:x:65534:\n",
    )  # fmt: skip
    line = ""
    if case.dates is not None:
        last, most, idle, end = case.dates
        line = f"{case.user}:{case.word}:{last}:0:{most}:7:{idle}:{end}:\n"
    other = "alice" if case.user == "root" else "root"
    _write(root, "etc/shadow", f"{other}:*:19700:0:99999:7:::\n{line}")
    _write(root, "etc/nsswitch.conf", case.nsswitch)
    _keys(server, case, home)
    _write(root, "etc/pam.d/sshd", "".join(f"{each}\n" for each in case.pam_lines) + stock)
    _write(root, "etc/security/access.conf", _lines(case.access))
    _write(root, "etc/security/time.conf", _lines(case.times))
    _write(root, "etc/security/limits.conf", _lines(case.limits))
    _write(root, "etc/pam.list", case.listed, case.list_mode)
    _write(root, "etc/shells", case.shells, case.shells_mode)
    _write(root, "etc/nologin", "no\n" if case.nologin else None)
    revoked = case.revoked.replace("KEY", server.public_key) if case.revoked is not None else None
    _write(root, "etc/ssh/revoked", revoked)
    central = ["AuthorizedKeysFile /etc/keys/%u"] if case.layout == "central" else []
    pam = f"UsePAM {'yes' if case.pam else 'no'}"
    _write(root, "etc/ssh/sshd_config", _lines((pam, *central, *case.settings)))


def _lines(lines: tuple[str, ...]) -> str:
    return "".join(f"{each}\n" for each in lines)


def _write(root: Path, name: str, content: str | None, mode: int = 0o644) -> None:
    path = root / name
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content.encode())
        path.chmod(mode)


def _keys(server: LoginServer, case: Case, home: str) -> None:
    root = server.path
    for name in ("home", "data", "etc/keys", "root"):
        if (root / name).is_symlink():
            (root / name).unlink()
        rmtree(root / name, ignore_errors=True)
    for name in ("home", "data", "etc/keys"):
        (root / name).mkdir()
        (root / name).chmod(0o755)
    uid = gid = 0 if case.user == "root" else ALICE
    top = root / home[1:]
    places = {"home": top, "ssh": top / ".ssh", "file": top / ".ssh/authorized_keys"}
    if case.layout == "linked home":
        places["home"].symlink_to("/data/h")
        places = {"home": root / "data/h", "ssh": root / "data/h/.ssh", "file": root / "data/h/.ssh/authorized_keys"}
    places["home"].mkdir()
    if case.layout == "linked ssh":
        places["ssh"].symlink_to("/data/ssh")
        places = {**places, "ssh": root / "data/ssh", "file": root / "data/ssh/authorized_keys"}
    elif case.layout == "central":
        places = {**places, "ssh": root / "etc/keys", "file": root / "etc/keys" / case.user}
    places["ssh"].mkdir(exist_ok=True)
    if case.layout == "linked file":
        places["file"].symlink_to("/data/keys")
        places["file"] = root / "data/keys"
    places["file"].write_text(f"{case.options} {server.public_key}\n".lstrip())
    usual = {"home": 0o755, "ssh": 0o755 if case.layout == "central" else 0o700, "file": 0o600}
    for part, path in places.items():
        owner = case.owners.get(part, (uid, gid))
        if part == "ssh" and case.layout == "central":
            owner = case.owners.get(part, (0, 0))
        os.chown(path, *owner)
        path.chmod(case.modes.get(part, usual[part]))


def seen(server: LoginServer, case: Case) -> tuple[Symptom, str]:
    """What the client sees of a real login, and what sshd logged."""
    inside, log = server.login(case.user)
    if inside:
        return Symptom.OK, log
    return (Symptom.DENIED if "Permission denied (" in log else Symptom.CLOSED), log


def predicted(server: LoginServer, case: Case) -> tuple[Symptom, tuple[Finding, ...]]:
    """What an examination of the files says of the login itself."""
    with closing(DirectoryTarget(str(server.path))) as target:
        _, examination = survey(target, Client(user=case.user, key=server.public_key))
    found = tuple(each for each in examination.findings if each.step in LOGIN_LINKS or each.check in STOPPING)
    if any(each.check in STOPPING and each.step is Step.SERVICE for each in found):
        return Symptom.CLOSED, found  # sshd -i says nothing, and ends
    broken = [each for each in found if each.severity is Severity.BROKEN]
    return login_path(broken, LOGIN_LINKS).symptom, found


@dataclass(frozen=True)
class Verdict:
    """How a case went. doubtful: the examination made no claim, as it found a doubt and nothing broken."""

    case: Case
    told: Symptom
    seen: Symptom
    findings: tuple[Finding, ...]
    log: str

    @property
    def doubtful(self) -> bool:
        return self.told is Symptom.OK and any(each.severity is Severity.DOUBTFUL for each in self.findings)

    @property
    def agrees(self) -> bool:
        return self.doubtful or self.told is self.seen


def tried(server: LoginServer, stock: str, case: Case) -> Verdict:
    """Plant the case, say what will happen, and log in."""
    plant(server, stock, case)
    told, findings = predicted(server, case)
    met, log = seen(server, case)
    return Verdict(case, told, met, findings, log)
