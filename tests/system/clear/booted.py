"""A server's own systemd, booted in namespaces by systemd-nspawn(1), and real logins to it.

The client is beside the server on a wire (192.0.2.1), with an address of its own behind that (198.51.100.7), so that
the server's route counts. Kernel, boot loader and the kernel's command line are this computer's and not the server's,
and so are sysctls that have no namespace, cgroups' limits and AppArmor: QEMU is for those.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rescue.labs.lessons.private_mounts import own_mounts
from rescue.labs.machines.network import ADDRESS, CLIENT, PREFIX, Namespace
from rescue.labs.machines.ssh import SAYINGS
from rescue.targets.host.pdeathsig import tied
from rescue.targets.host.syscalls import mount
from tests.system.clear.root import Root

SOURCE = "198.51.100.7"
NETWORK = f"[Match]\nName=e*\n\n[Network]\nAddress={ADDRESS}/{PREFIX}\nGateway={CLIENT}\n"
NETWORK_FILE = "/etc/systemd/network/10-wired.network"

UP_LIMIT, LONGEST_BOOT = 30.0, 40.0
"""Seconds until systemd-nspawn has made the wire, and until the boot counts as one that does not end."""
AFTER = 5.0
"""Seconds after the boot's end at which a login is tried (again): units that close the door late have by then."""
LOGIN_LIMIT = 12.0
"""Seconds that a person waits for a prompt."""

LOCKS = Path("/run/systemd/nspawn")

ENDED = re.compile(
    rb"Reached target (?:\x1b\[[\d;]*m)?(multi-user|graphical|rescue|emergency)\.target|"
    rb"You are in (rescue|emergency) mode|"
    rb"Freezing execution|Exiting PID 1|System Halt"
)
WORD = "in-42"
HANGS = "(the login hangs)"


@dataclass
class Seen:
    """What the client saw: the last attempt of each user; login: both attempts of it got a shell."""

    login: dict[str, bool] = field(default_factory=dict)
    saying: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    ended: bool = False
    console: str = ""


def why_not() -> str:
    """Why no server can be booted here; "" if it can."""
    if os.geteuid() != 0:
        return "needs root: namespaces and mounts"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn is missing (package systemd-container)"
    return ""


def cannot_run(root: Root) -> str:
    """What systemd-nspawn says where it can't start even /bin/true in the root; "" if it can."""
    command = [
        "systemd-nspawn",
        "-q",
        "--register=no",
        "--keep-unit",
        "--private-network",
        "-D",
        str(root.place),
        "/bin/true",
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    said = (done.stderr or done.stdout).strip().split("\n")[-1]
    return f"systemd-nspawn can't start anything here: {said}" if done.returncode else ""


@contextmanager
def layered(lower: Path) -> Iterator[Root]:
    """The root on a layer of its own, in memory, seen by this thread and its children alone."""
    with own_mounts(), tempfile.TemporaryDirectory(prefix="clear-") as name:
        place = Path(name)
        # systemd-nspawn leaves its locks there when it is killed.
        LOCKS.mkdir(parents=True, exist_ok=True)
        mount("locks", str(LOCKS), "tmpfs", 0)
        mount("layer", str(place), "tmpfs", 0, "mode=755")
        for each in ("upper", "work", "root"):
            (place / each).mkdir()
            (place / each).chmod(0o755)
        mount(
            "overlay", str(place / "root"), "overlay", 0,
            f"lowerdir={lower},upperdir={place / 'upper'},workdir={place / 'work'}",
        )  # fmt: skip
        try:
            yield Root(place / "root")
        finally:
            subprocess.run(["umount", "-l", str(place / "root"), str(place), str(LOCKS)], check=True)


def boot(root: Root, key: Path, users: tuple[str, ...], port: int = 22) -> Seen:
    """Boot it, log in, and end it."""
    return boot_ports(root, key, users, (port,))[0]


def boot_ports(root: Root, key: Path, users: tuple[str, ...], ports: tuple[int, ...]) -> list[Seen]:
    """Boot it once, log in at each of the ports, and end it; what was seen at each."""
    with Namespace() as wire, tempfile.TemporaryDirectory(prefix="console-") as name:
        wire.run("ip", "address", "add", f"{SOURCE}/32", "dev", "lo")
        console = Path(name) / "console"
        machine = f"clear{os.getpid()}"
        with console.open("wb") as stream:
            started = time.monotonic()
            nspawn = subprocess.Popen(
                # In a process namespace of its own: systemd-nspawn that is killed leaves its server running.
                tied(*wire.command(
                    "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
                    "systemd-nspawn", "-q", "--register=no", "--keep-unit", "--private-network",
                    "--network-veth-extra=ve0:eth0", "-M", machine, "-D", str(root.place), "--console=read-only", "-b",
                )),
                stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                if _wire_up(wire, nspawn):
                    return _asked(wire, nspawn, console, started, key, users, ports)
                ended = Seen(dict.fromkeys(users, False), dict.fromkeys(users, "the machine did not start"), ended=True)
                ended.console = _tail(console)
                return [ended for _ in ports]
            finally:
                _end(nspawn)


def _end(unshare: subprocess.Popen[bytes]) -> None:
    """Pull the plug: the process namespace ends with its first process, and unshare(1) sees to what is left of it."""
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
    for child in children.read_text().split() if children.exists() else ():
        os.kill(int(child), signal.SIGKILL)
    try:
        unshare.wait(10)
    except subprocess.TimeoutExpired:
        unshare.kill()
        unshare.wait()


def _wire_up(wire: Namespace, nspawn: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + UP_LIMIT
    while time.monotonic() < deadline and nspawn.poll() is None:
        if not subprocess.run(wire.command("ip", "link", "show", "ve0"), capture_output=True, check=False).returncode:
            try:
                wire.run("ip", "address", "add", f"{CLIENT}/{PREFIX}", "dev", "ve0")
                wire.run("ip", "link", "set", "ve0", "up")
            except subprocess.CalledProcessError:
                return False  # the server ended as soon as it was started, and the wire with it
            return True
        time.sleep(0.05)
    return False


def _asked(
    wire: Namespace,
    nspawn: subprocess.Popen[bytes],
    console: Path,
    started: float,
    key: Path,
    users: tuple[str, ...],
    ports: tuple[int, ...],
) -> list[Seen]:
    """Wait for the boot's end, however it ends, and log in `AFTER` seconds later; once more where that fails."""
    over = False
    while time.monotonic() < started + LONGEST_BOOT and nspawn.poll() is None:
        if ENDED.search(console.read_bytes()):
            over = True
            break
        time.sleep(0.1)
    time.sleep(AFTER if over else 0)
    seconds = time.monotonic() - started
    return [_at(port, wire, nspawn, console, key, users, Seen(seconds=seconds, ended=over)) for port in ports]


def _at(
    port: int,
    wire: Namespace,
    nspawn: subprocess.Popen[bytes],
    console: Path,
    key: Path,
    users: tuple[str, ...],
    seen: Seen,
) -> Seen:
    """Log in at the port; once more where that fails."""
    for user in users:
        got, saying = _login(wire, key, user, port)
        if not got and HANGS not in saying:
            time.sleep(1)
            got, saying = _login(wire, key, user, port)
        seen.login[user], seen.saying[user] = got, saying
    if nspawn.poll() is not None:
        seen.saying = dict.fromkeys(users, "the machine ended")
    seen.console = _tail(console)
    return seen


def _login(wire: Namespace, key: Path, user: str, port: int) -> tuple[bool, str]:
    """A person's login: an interactive shell, which is told to say a word."""
    command = wire.command(
        "ssh", "-tt", "-F", "none", "-b", SOURCE, "-p", str(port), "-i", str(key), "-o", "IdentitiesOnly=yes",
        "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
        "-o", "LogLevel=INFO", "-o", "ConnectTimeout=5", f"{user}@{ADDRESS}",
    )  # fmt: skip
    try:
        done = subprocess.run(
            command, input=b"echo in-$((40+2))\nexit\n", capture_output=True, timeout=LOGIN_LIMIT, check=False
        )
        output, errors = done.stdout, done.stderr
    except subprocess.TimeoutExpired as problem:
        output, errors = problem.stdout or b"", problem.stderr or b""
        errors += HANGS.encode()
    if WORD.encode() in output:
        return True, "in"
    text = errors.decode(errors="replace")
    told = next((str(symptom) for saying, symptom in SAYINGS if re.search(saying, text)), "")
    return False, f"{told or 'no shell'}: {(text.strip().split(chr(10)) or [''])[-1].strip()[:120]}"


def _tail(console: Path) -> str:
    return console.read_bytes()[-4000:].decode(errors="replace")
