"""The system's own ssh, with the person's configuration, agent and jump hosts; one login for all that is done.

The first session stays as OpenSSH's control master (ssh_config(5)) behind the later ones, so that a password is asked
for once. It ends by itself a minute after the last of them.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rescue.errors import UsageError
from rescue.text.safe import cut, safe
from rescue.verbs.via.errors import ViaError

CHUNK = 64 << 10
LOST = 255
"""ssh's status where the connection could not be made, or was lost (ssh(1)); a command may end with it, too."""

_ALIKE = ("-o", "RemoteCommand=none", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4")


class Connection:
    """Runs commands at `host`. Made by `connected`."""

    def __init__(self, host: str, control: Path) -> None:
        self.host = host
        self._control = control
        self._ssh = shlex.split(os.environ.get("RESCUE_SSH", "")) or ["ssh"]
        self._first = True

    def _words(self, *options: str, command: str) -> list[str]:
        shared = ["-o", f"ControlPath={self._control}"]
        if self._first:
            shared += ["-o", "ControlMaster=auto", "-o", "ControlPersist=60"]
        else:
            # Without its master a later session would log in anew, and ask for a password again.
            shared += ["-o", "ControlMaster=no", "-o", "ProxyCommand=false"]
        return [*self._ssh, *_ALIKE, *shared, *options, "--", self.host, command]

    def asked(self, script: str, *words: str) -> str:
        """What the shell script prints there; its error output is the person's to see. Raises ViaError."""
        ended = self._run(self._words("-T", command=shell_command(script, *words)))
        self._first = False
        if ended.returncode == LOST and not self.alive():
            raise self._failure()
        return ended.stdout.decode("utf-8", "replace")

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        except OSError as problem:
            raise ViaError(
                f"{words[0]} can't be started: {problem.strerror}", "Install OpenSSH's client (openssh-client)."
            ) from problem

    def sent(self, data: bytes, progress: Callable[[int], None], script: str, *words: str) -> str:
        """The same for a script that reads `data`; progress: told how many bytes are on their way."""
        command = self._words("-T", command=shell_command(script, *words))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            # The other side may end before it has read all: what it says, or its silence, tells why.
            with suppress(BrokenPipeError):
                for begin in range(0, len(data), CHUNK):
                    running.stdin.write(data[begin : begin + CHUNK])
                    progress(min(len(data), begin + CHUNK))
            with suppress(BrokenPipeError):
                running.stdin.close()
            told = running.stdout.read().decode("utf-8", "replace")
        if running.returncode == LOST:
            raise lost(self.host, "The file did not arrive whole, and nothing was started there.")
        return told

    def fetched(self, into: IO[bytes], path: str) -> None:
        """The bytes of a file there. Raises ViaError where not all of them arrive."""
        script = 'wc -c < "$1" && exec cat -- "$1"'
        ended = self._run(self._words("-T", command=shell_command(script, path)))
        length, _, data = ended.stdout.partition(b"\n")
        if ended.returncode or not length.strip().isdigit() or int(length) != len(data):
            raise lost(self.host, "The file that it wrote did not come back whole.")
        into.write(data)

    def run(self, script: str, *words: str, terminal: bool) -> int:
        """Run it as if it were typed there, and give its status. Raises ViaError where the connection is lost."""
        command = self._words("-tt" if terminal else "-T", command=shell_command(script, *words))
        status = subprocess.call(command)
        if status == LOST and not self.alive():
            raise lost(
                self.host,
                "If something was being written, the next fix or undo ends it before anything else: connect again, "
                "and run the same command.",
            )
        return status if status >= 0 else 128 - status

    def alive(self) -> bool:
        """Whether the login still holds."""
        return self._control_command("check") == 0

    def close(self) -> None:
        """Log out."""
        if self._control.exists():
            self._control_command("exit")

    def _control_command(self, word: str) -> int:
        words = [*self._ssh, "-o", f"ControlPath={self._control}", "-O", word, "--", self.host]
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode

    def _failure(self) -> ViaError:
        """Why there was no login: ssh has said it to the person; asked again, without a terminal, it says it to us."""
        words = [*self._ssh, "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlPath=none"]
        ended = subprocess.run(
            [*words, "--", self.host, "exit"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True, check=False,
        )  # fmt: skip
        return explained(self.host, ended.stderr.decode("utf-8", "replace"))


def shell_command(script: str, *words: str) -> str:
    """The command that has sh run `script` with `words`, whatever login shell reads it."""
    return shlex.join(["exec", "sh", "-c", script, "sh", *words])


def lost(host: str, hint: str) -> ViaError:
    """The connection was there, and is gone."""
    return ViaError(f"the connection to {host} was closed in the middle", hint)


def explained(host: str, said: str) -> ViaError:
    """What ssh's words mean for somebody who connects to a rescue system."""
    name = host.rpartition("@")[2].removeprefix("ssh://")
    alias = "RESCUE_SSH='ssh -o HostKeyAlias=rescue-system'"
    if "HOST IDENTIFICATION HAS CHANGED" in said or "Host key verification failed" in said:
        return ViaError(
            f"ssh does not trust the host key of {host}",
            "A rescue system has another host key than the server itself, so this is expected right after booting into "
            "it; compare the fingerprint with the one that your provider shows. To accept it for the rescue system "
            f"alone, and keep the server's own: put {alias} before the same command.",
        )
    if "Permission denied" in said or "Too many authentication failures" in said:
        return ViaError(
            f"{host} refuses this login",
            "A rescue system has a password or key of its own, which your provider shows when you boot into it. "
            "RESCUE_SSH='ssh -i FILE' before the command names a key.",
        )
    lines = [line.strip() for line in said.split("\n") if line.strip()]
    why = f": {safe(cut(lines[-1], 200))}" if lines else ""
    return ViaError(f"no connection to {host}{why}", f"Try it by itself: ssh {shlex.quote(name)}")


def checked(host: str) -> str:
    """The host as the person named it. Raises UsageError for one that ssh would take for an option."""
    if not host.strip() or host.startswith("-") or any(letter.isspace() for letter in host):
        raise UsageError(
            "--via takes a host as ssh does, such as root@203.0.113.7 or ssh://root@203.0.113.7:2222",
            "Options of ssh go into its configuration, or into RESCUE_SSH='ssh -i FILE'.",
        )
    return host


@contextmanager
def connected(host: str) -> Iterator[Connection]:
    """A connection to `host`, made by the first command that is run."""
    # A socket's path is at most 107 bytes long, and TMPDIR may be long.
    folder = None if len(tempfile.gettempdir()) < 40 else "/tmp"  # noqa: S108  mkdtemp makes a private one below it
    with tempfile.TemporaryDirectory(prefix="rescue-via-", dir=folder) as private:
        connection = Connection(host, Path(private, "s"))
        try:
            yield connection
        finally:
            connection.close()


def answers(text: str) -> dict[str, list[str]]:
    """The lines `via:NAME=VALUE` of what a script printed: a login shell may print anything before."""
    found: dict[str, list[str]] = {}
    for line in _lines(text):
        name, equals, value = line.removeprefix("via:").partition("=")
        if line.startswith("via:") and equals:
            found.setdefault(name, []).append(value.strip())
    return found


def _lines(text: str) -> Iterable[str]:
    return text.replace("\r", "").split("\n")


def on_terminal() -> bool:
    """Whether a person sits here, so that the program there gets a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
