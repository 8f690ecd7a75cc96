"""Runs firewalld's own core, without its daemon, to build rules from a configuration in a network namespace.

The core is this system's package; the configuration is the target's, copied into a folder. firewalld reads the files
and passes rules to nft, iptables and ipset. It loads no kernel module, and with a /run of its own contacts no daemon.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from threading import Timer

from rescue.firewall.firewalld.direct import PATH as DIRECT
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.store import OWN, STOCK
from rescue.firewall.firewalld.xml import parse
from rescue.kernel_check.errors import ProofError
from rescue.kernel_check.namespace import PATIENCE, Namespace
from rescue.kernel_check.options import runs_programs
from rescue.tree import Tree

PACKAGES = "Install the packages python3-firewall and python3-nftables (not firewalld itself: that is the daemon)."

PYTHON = "/usr/bin/python3"
"""The distribution's own, to which its package belongs."""

DEEPEST = 3
"""Folders below firewalld's own: a zone may be a folder of files."""

DRIVER = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
def say(told):
    print(json.dumps(told), file=answers, flush=True)
try:
    from firewall import config
    from firewall.core.logger import log
    from firewall.core.fw import Firewall
except ImportError as problem:
    say({"missing": str(problem)})
    sys.exit()
log.setDebugLogLevel(0)
log.setInfoLogLevel(log.FATAL)
folder = sys.argv[1]
config.set_default_config_paths(f"{folder}/usr/lib/firewalld")
config.set_system_config_paths(f"{folder}/etc/firewalld")
config.IFCFGDIR = f"{folder}/etc/sysconfig/network-scripts"
config.COMMANDS.update(modprobe="/bin/true", rmmod="/bin/true")
say({"version": config.VERSION})
for line in sys.stdin:
    asked = json.loads(line)
    for key, name in (("ipv4", "iptables"), ("ipv6", "ip6tables")):
        for kind in ("", "-restore"):
            program = f"/usr/sbin/{name}-{asked['backend']}{kind}"
            if os.path.exists(program):
                config.COMMANDS[key + kind] = program
    firewall = Firewall()
    told = {"state": "", "problem": ""}
    try:
        firewall.start()
    except BaseException as problem:
        told["problem"] = f"{type(problem).__name__}: {problem}"
    told["state"] = firewall._state
    for interface, zone in asked["zones"].items():
        try:
            firewall.zone.change_zone_of_interface(zone, interface)
        except Exception as problem:
            told["problem"] = f"{told['problem']} {problem}"
    say(told)
    sys.stdin.readline()
    try:
        firewall.stop()
    except Exception:
        pass
    say({})
"""

APART = 'mount -t tmpfs run /run; mount -t tmpfs tmp /var/tmp; exec "$@"'
"""Runs the core where it finds no daemon's socket, and its files for iptables-restore stay private."""


class Core:
    """The running core. version: firewalld's own, such as "1.3.3".

    space: where the rules are put. folder: the path below which the core finds /etc/firewalld and /usr/lib/firewalld.
    around: a command that runs another one, given behind it.
    """

    def __init__(self, space: Namespace, folder: str, around: Sequence[str] = ()) -> None:
        self.noise = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  closed with the process
        words = ["nsenter", f"--net=/proc/self/fd/{space.handle}", "--", "unshare", "--mount", *around]
        self.process = subprocess.Popen(
            [*words, PYTHON, "-I", "-u", "-B", "-c", DRIVER, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.noise, text=True, pass_fds=[space.handle],
        )  # fmt: skip
        try:
            first = self._answer()
            if "missing" in first:
                raise ProofError("firewalld's core is not on this system", PACKAGES)
            self.version = first["version"]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it. Its rules stay, except for those that newer releases bind to their process."""
        self.process.kill()
        self.process.communicate()
        self.noise.close()

    def start(self, zones: Mapping[str, str], backend: str = "nft") -> dict[str, str]:
        """Put the folder's rules in force: firewalld's state ("RUNNING", "FAILED", "INIT") and its problem.

        zones: by interface the zone that the network's configuration tells firewalld. backend: of iptables, for direct
        rules. Raises ProofError.
        """
        self._say(json.dumps({"zones": dict(zones), "backend": backend}))
        return self._answer()

    def stop(self) -> None:
        """Remove the rules, ready for another start. Raises ProofError."""
        self._say("stop")
        self._answer()

    def _say(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        except BrokenPipeError as problem:
            raise self._ended() from problem

    def _answer(self) -> dict[str, str]:
        assert self.process.stdout is not None
        limit = Timer(PATIENCE, self.process.kill)
        limit.start()
        line = self.process.stdout.readline()
        limit.cancel()
        if not line:
            raise self._ended()
        found: dict[str, str] = json.loads(line)
        return found

    def _ended(self) -> ProofError:
        self.noise.seek(0)
        said = self.noise.read()[-2000:].strip()
        return ProofError(f"firewalld's core has ended: {said.rpartition(chr(10))[2] or 'it says nothing'}")


@contextmanager
def folder_of(tree: Tree) -> Iterator[Path]:
    """A folder with the target's configuration of firewalld, of plain files. Raises ProofError."""
    _check_direct(tree)
    with tempfile.TemporaryDirectory(prefix="rescue-proof-") as name:
        for path in (*_files(tree, OWN, DEEPEST), *_files(tree, STOCK, DEEPEST)):
            data = tree.data(path)
            if data is None:
                raise ProofError(f"{path} is too large to be read", "Its rules can't be proven.")
            to = Path(name) / path.relative_to("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(data)
        yield Path(name)


def _files(tree: Tree, folder: PurePosixPath, deepest: int) -> Iterator[PurePosixPath]:
    """The files in a folder and its subfolders, following links."""
    for each in tree.children(folder):
        path = folder / each
        entry = tree.entry(path)
        if entry is not None and entry.is_file:
            yield path
        elif entry is not None and entry.is_dir and deepest > 1:
            yield from _files(tree, path, deepest - 1)


def _check_direct(tree: Tree) -> None:
    """Direct rules are arguments for iptables: none may make it run or write something. Raises ProofError."""
    data = tree.data(DIRECT)
    if data is None:
        return
    try:
        elements = parse(data, DIRECT).children
    except FirewalldError:
        return  # firewalld goes on without the file
    except FirewalldNotModelled as problem:
        raise ProofError(f"{DIRECT} can't be judged ({problem})", "Its rules can't be proven.") from problem
    for element in elements:
        if element.get("ipv") == "eb":
            raise ProofError(f"{element.location} has rules for ebtables", "They are not loaded here.")
        try:
            words = shlex.split(element.text)
        except ValueError:
            continue  # firewalld can't split it either
        if runs_programs(" ".join(words)):
            raise ProofError(f"{element.location} names a program that iptables is to run", "It is not loaded here.")
