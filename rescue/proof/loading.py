"""The target's rules loaded into a lab, by this system's own programs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.firewall import Firewall, ufw
from rescue.firewall.boot import NFTABLES, PERSISTENT, SERVICES_MANAGER, UFW, names_of
from rescue.proof.errors import ProofError
from rescue.proof.etc import etc_of
from rescue.proof.lab import Lab, restorer
from rescue.tree import Tree

PACKAGES = {"nft": "nftables", "ipset": "ipset"}

ELSEWHERE = re.compile(r'^\s*include\s+"(?:/(?!etc/)|\.)', re.MULTILINE)
"""An include of a file that is not below /etc."""


@dataclass(frozen=True, slots=True)
class Load:
    """One file that was handed to a program. taken: whether it was loaded, expected: whether it had to be.

    said: the program's own words where it refused it.
    """

    what: str
    program: str
    taken: bool
    expected: bool
    said: str = ""

    @property
    def agrees(self) -> bool:
        return self.taken is self.expected


def load(lab: Lab, tree: Tree, firewall: Firewall) -> list[Load]:
    """Load one firewall into the lab's server. Raises ProofError where that can't be done here."""
    loaders = {UFW: _ufw, NFTABLES: _nftables, PERSISTENT: _saved, SERVICES_MANAGER: _saved}
    loader = loaders.get(firewall.manager)
    if loader is None:
        raise ProofError(
            f"{firewall.manager} can't be loaded here: its rules are made by a program of its own",
            "The verdict without --prove is the same; it is not held against a kernel then.",
        )
    return [*_sets(lab, tree, firewall), *loader(lab, tree, firewall)]


def _sets(lab: Lab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    """The saved ipsets that the rules ask for."""
    path = firewall.sets
    if path is None or tree.entry(path) is None:
        return
    program = _needed("ipset", PACKAGES["ipset"])
    held = names_of(tree, path).sets
    with etc_of(tree, ()) as around:
        done = lab.server.run(program, "restore", "-exist", given=_data(tree, path), check=False, around=around)
    taken = done.returncode == 0
    unknown = held is None or any(each.doubt for each in held.sets.values())
    expected = taken if unknown else not (held and held.problems)
    yield Load(str(path), program, taken, expected, done.stderr.strip())


def _saved(lab: Lab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    for version, paths in sorted(firewall.files.items()):
        for path in paths:
            program = _needed(restorer(version, firewall.backend), "iptables")
            data = _data(tree, path)
            with etc_of(tree, ()) as around:
                done = lab.server.run(program, given=data, check=False, around=around)
            problems = firewall.ruleset(version).problems
            yield Load(str(path), program, done.returncode == 0, not problems, done.stderr.strip())


def _ufw(lab: Lab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    problems = {each.location.path for each in firewall.problems}
    with etc_of(tree, ()) as around:
        for each in ufw.restores(tree, names_of(tree, firewall.sets), firewall.backend):
            program = _needed(restorer(each.version, firewall.backend), "iptables")
            options = ["-n"] if each.noflush else []
            done = lab.server.run(program, *options, given=each.text, check=False, around=around)
            expected = each.path not in problems
            yield Load(str(each.path), program, done.returncode == 0, expected, done.stderr.strip())


def _nftables(lab: Lab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    program = _needed("nft", PACKAGES["nft"])
    files = firewall.files[4]
    for path in files:
        if ELSEWHERE.search(_data(tree, path).decode("utf-8", "surrogateescape")):
            raise ProofError(
                f"{path} includes a file that is not below /etc, where this system's own would be read",
                "This can't be proven here.",
            )
    path = firewall.location.path
    with etc_of(tree, files) as around:
        done = lab.server.run(program, "-f", str(path), check=False, around=around)
    yield Load(str(path), program, done.returncode == 0, not firewall.problems, done.stderr.strip())


def _data(tree: Tree, path: PurePosixPath) -> bytes:
    data = tree.data(path)
    if data is None:
        raise ProofError(f"{path} is too large to be read", "Its rules can't be proven.")
    return data


def _needed(program: str, package: str) -> str:
    if shutil.which(program) is None:
        raise ProofError(f"the program {program} is not on this system", f"Install the package {package}.")
    return program
