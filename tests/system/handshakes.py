"""Configurations that decide whether a client and sshd can begin to talk, and what real programs say of them.

Each connection is to a listener of ours on loopback that hands it to an sshd of a Debian release, in its own root
(`sshd -i`). Shared by the differential test, which takes a sample, and `scripts/fuzz-handshake`, which takes hundreds.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import strategies as st

from rescue.facts import Facts
from rescue.logins.handshake.offer import meetings
from rescue.model import Client
from rescue.sshd.handshake import openssh
from rescue.sshd.handshake.clients import OTHERS, named
from rescue.sshd.handshake.lists import Part
from rescue.tree import Entry, file
from tests.system.sshd_root import SshdRoot, sshd_root
from tests.trees import DPKG_STATUS, server

SUITES = ("bullseye", "bookworm", "trixie")
KEYS = {
    "ed25519": ("-t", "ed25519"),
    "rsa2048": ("-t", "rsa", "-b", "2048"),
    "rsa3072": ("-t", "rsa", "-b", "3072"),
    "ecdsa256": ("-t", "ecdsa", "-b", "256"),
    "ecdsa521": ("-t", "ecdsa", "-b", "521"),
    "rsa_pem": ("-t", "rsa", "-b", "2048", "-m", "PEM"),
    "ecdsa_pem": ("-t", "ecdsa", "-b", "384", "-m", "PEM"),
}
WORDS = {part.word: part for part in Part}
TIMEOUT = 20


@dataclass(frozen=True)
class Case:
    """A configuration: its lines, the names of its host keys, and that of the key that root may log in with."""

    lines: tuple[str, ...]
    keys: tuple[str, ...]
    login: str = ""


@st.composite
def lists(draw: st.DrawFn, part: Part, version: tuple[int, int]) -> str:
    """A line for one list that sshd takes."""
    known = openssh.known(part, version)
    # What only our table of known names lacks is no fault of the line.
    names = draw(st.lists(st.sampled_from(known), min_size=1, max_size=4, unique=True))
    sign = draw(st.sampled_from(["", "", "", "+", "-", "^"]))
    if sign == "-" and draw(st.booleans()):
        names = [draw(st.sampled_from(["*", "ecdh-*", "*gcm*", "*ctr,chacha*", "*-etm@*", "ssh-*", "*25519*"]))]
    return f"{part.keyword} {sign}{','.join(names)}"


@st.composite
def cases(draw: st.DrawFn, version: tuple[int, int]) -> Case:
    """One to three lists, and one to three host keys."""
    parts = draw(st.lists(st.sampled_from(list(Part)), min_size=1, max_size=3, unique=True))
    lines = [draw(lists(part, version)) for part in parts]
    if version >= (9, 1) and draw(st.integers(0, 4)) == 0:
        lines.append(f"RequiredRSASize {draw(st.sampled_from([1024, 2048, 3072, 4096]))}")
    if draw(st.integers(0, 4)) == 0:
        lines.append(f"Compression {draw(st.sampled_from(['yes', 'no', 'delayed']))}")
    keys = draw(st.lists(st.sampled_from(list(KEYS)), min_size=1, max_size=3, unique=True))
    return Case(tuple(lines), tuple(keys))


@cache
def key_folder() -> Path:
    """One key of each kind, made once."""
    folder = Path(mkdtemp(prefix="handshake-keys-"))
    for name, words in KEYS.items():
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", str(folder / name), *words], check=True)
    return folder


def files(case: Case) -> dict[str, bytes]:
    """What stands in /etc/ssh."""
    text = [*case.lines, *(f"HostKey /etc/ssh/{name}" for name in case.keys), "UsePAM no", "LogLevel QUIET"]
    found = {}
    if case.login:
        text += ["AuthorizedKeysFile /etc/ssh/authorized", "PermitRootLogin yes", "StrictModes no"]
        found["authorized"] = (key_folder() / f"{case.login}.pub").read_bytes()
    found["sshd_config"] = "\n".join([*text, ""]).encode()
    for name in case.keys:
        for each in (name, f"{name}.pub"):
            found[each] = (key_folder() / each).read_bytes()
    return found


def predicted(case: Case, version: tuple[int, int], program: str) -> tuple[str, ...]:
    """The keywords of the lists that the program and this sshd have nothing of in common, by our reading."""
    release = ".".join(map(str, version))
    changes: dict[str, Entry | str | bytes | None] = {
        f"/etc/ssh/{name}": file(data, 0o644 if name.endswith((".pub", "config")) else 0o600)
        for name, data in files(case).items()
    }
    changes["/etc/ssh/ssh_host_ed25519_key"] = None
    changes["/var/lib/dpkg/status"] = DPKG_STATUS.replace("1:9.2p1-2+deb12u6", f"1:{release}p1-1")
    facts = Facts(server(changes), Client(program=program))
    assert not facts.sshd.fatal, facts.sshd.fatal
    (met,) = meetings(facts)
    assert met.agreed == met.possible
    return tuple(part.keyword for part in met.agreed.missing)


@contextmanager
def serving(root: SshdRoot, case: Case) -> Iterator[int]:
    """An sshd with the configuration, on a port of loopback."""
    folder = Path(mkdtemp(prefix="handshake-"))
    for name, data in files(case).items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    moduli = root.path / "etc/ssh/moduli"
    if moduli.exists():
        shutil.copy2(moduli, folder)
    script = 'mount --bind "$1" "$2/etc/ssh" && cd / && exec chroot "$2" /usr/sbin/sshd -i'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(folder), str(root.path)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, command), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(TIMEOUT)
            shutil.rmtree(folder)


def _accept(listener: socket.socket, command: Sequence[str]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            subprocess.run(
                command,
                stdin=connection.fileno(),
                stdout=connection.fileno(),
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT,
                check=False,
            )


def refused(root: SshdRoot, case: Case) -> bool:
    """Whether sshd does not take the configuration at all."""
    folder = Path(mkdtemp(prefix="handshake-"))
    try:
        for name, data in files(case).items():
            (folder / name).write_bytes(data)
        return not root.ask(folder).accepted
    finally:
        shutil.rmtree(folder)


OPTIONS = [
    "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "GlobalKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10",
]  # fmt: skip
SSH = [*OPTIONS, "-o", "PreferredAuthentications=none"]
PARAMIKO = """
import sys, paramiko
transport = paramiko.Transport(("127.0.0.1", int(sys.argv[1])))
try:
    transport.start_client(timeout=15)
    print("agreed")
except paramiko.SSHException as problem:
    print(problem)
finally:
    transport.close()
"""


def said(program: str, port: int) -> str | None:
    """The keyword of the list that a real program finds nothing of in common; "" if it agrees with sshd; "closed" if
    sshd ends the connection; None if there is no such program here, or nobody knows what it said."""
    name = named(program).name
    if name == "openssh":
        return _openssh(program, port)
    if name == "putty":
        text = _run(["plink", "-batch", "-P", str(port), "nobody@127.0.0.1", "true"])
        failed = {
            "a key exchange": Part.KEX,
            "host key algorithm": Part.HOST_KEY,
            "cipher": Part.CIPHER,
            "MAC": Part.MAC,
        }
        # Below its threshold it asks its user about an algorithm.
        agreed = r"host key is not cached|is not in the cache|supported by the server|Access denied|No supported auth"
        return _found(text, failed, r".*(?:Couldn't agree|Selected).*", agreed)
    if name == "dropbear":
        text = _run(["dbclient", "-y", "-y", "-p", str(port), "nobody@127.0.0.1", "true"])
        failed = {"kex": Part.KEX, "hostkey": Part.HOST_KEY, "enc": Part.CIPHER, "mac": Part.MAC}
        return _found(text, failed, r"No matching algo.*", r"No auth methods|Permission denied|password|nterrupted")
    text = _run(["/usr/bin/python3", "-c", PARAMIKO, str(port)])
    failed = {"kex": Part.KEX, "host key": Part.HOST_KEY, "cipher": Part.CIPHER, "mac": Part.MAC}
    return _found(text, failed, r"^Incompatible.*", r"^agreed")


def _openssh(program: str, port: int) -> str | None:
    suite = {"openssh-8.4": "bullseye", "openssh-9.2": "bookworm", "openssh-10.0": "trixie"}[program]
    text = _run(["chroot", str(sshd_root(suite).path), "ssh", *SSH, "-p", str(port), "nobody@127.0.0.1", "true"])
    match = re.search(r"no matching (.*) found", text)
    if match is not None:
        return WORDS[match[1]].keyword
    if "Permission denied" in text or "No more authentication methods" in text:
        return ""
    return "closed" if re.search(r"(?i)connection (closed|reset)", text) else None


def logs_in(root: SshdRoot, case: Case, suite: str) -> bool:
    """Whether the ssh of a Debian suite logs in as root with the case's key."""
    chroot = sshd_root(suite).path
    with serving(root, case) as port:
        key = chroot / "run" / f"handshake-{port}"
        shutil.copy2(key_folder() / case.login, key)
        try:
            words = ["-i", f"/run/{key.name}", "-o", "IdentitiesOnly=yes", "-p", str(port), "root@127.0.0.1", "echo in"]
            return "\nin\n" in "\n" + _run(["chroot", str(chroot), "ssh", *OPTIONS, *words])
        finally:
            key.unlink()


def _found(text: str, parts: dict[str, Part], failure: str, agreed: str) -> str | None:
    failed = re.search(failure, text, re.MULTILINE)
    if failed is not None:
        return next((part.keyword for word, part in parts.items() if word in failed[0]), None)
    if re.search(agreed, text, re.MULTILINE):
        return ""
    return "closed" if re.search(r"(?i)connection|EOF|closed|reset|remote host", text) else None


def _run(command: list[str]) -> str:
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except FileNotFoundError:
        return ""
    return ran.stdout + ran.stderr


CLIENTS = ("openssh-8.4", "openssh-9.2", "openssh-10.0", "putty-0.78", "dropbear-2022.83", "paramiko-2.12")
"""Those of Debian 11, 12 and 13, and of Debian 12's archive."""


def compare(root: SshdRoot, case: Case, clients: Sequence[str] = CLIENTS) -> int:
    """Hold our reading of one configuration against real programs; how many there were."""
    asked = 0
    with serving(root, case) as port:
        for program in clients:
            theirs = said(program, port)
            if theirs is None:
                continue
            ours = predicted(case, root.version, program)
            asked += 1
            # A server without a usable host key ends the connection before anything is compared.
            alike = theirs in ours if theirs not in ("", "closed") else bool(ours) == bool(theirs)
            if program.startswith("openssh") and theirs not in ("", "closed"):
                alike = ours[:1] == (theirs,)
            assert alike, f"{program}: {theirs or 'agrees'}, and by us it lacks {ours or 'nothing'}: {case}"
    return asked


assert {"putty-0.78", "dropbear-2022.83", "paramiko-2.12"} <= {each.spelt for each in OTHERS}
