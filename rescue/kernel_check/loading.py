"""The target's rules loaded into a lab, by this system's own programs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.firewall import Firewall
from rescue.firewall.boot import NFTABLES, NO_SETS, PERSISTENT, RESTORED, SERVICES_MANAGER, UFW, names_of
from rescue.firewall.firewalld.bindings import ANY_CARD, told_zones
from rescue.firewall.firewalld.conf import PATH as FIREWALLD_CONF
from rescue.firewall.firewalld.grammar import Dialect
from rescue.firewall.firewalld.load import MANAGER as FIREWALLD
from rescue.firewall.firewalld.load import NOT_KNOWN, installed_version, version_in
from rescue.firewall.ufw import load as ufw
from rescue.kernel_check.errors import ProofError
from rescue.kernel_check.etc import etc_of
from rescue.kernel_check.firewalld import APART, Core, folder_of
from rescue.kernel_check.lab import PacketLab, restorer
from rescue.kernel_check.options import runs_programs
from rescue.kernel_check.result import Load
from rescue.tree import Tree

PACKAGES = {"nft": "nftables", "ipset": "ipset"}

ELSEWHERE = re.compile(r'^\s*include\s+"(?:/(?!etc/)|\.)', re.MULTILINE)
"""An include of a file outside /etc."""


def load(lab: PacketLab, tree: Tree, firewall: Firewall) -> list[Load]:
    """Load one firewall into the lab's server. Raises ProofError if that can't be done here."""
    loaders = {
        UFW: _ufw, NFTABLES: _nftables, FIREWALLD: _firewalld,
        PERSISTENT: _saved, SERVICES_MANAGER: _saved, RESTORED: _saved,
    }  # fmt: skip
    loader = loaders.get(firewall.manager)
    if loader is None:
        raise ProofError(
            f"{firewall.manager} can't be loaded here",
            "The verdict without --prove is the same; it is not held against a kernel then.",
        )
    return [*_sets(lab, tree, firewall), *loader(lab, tree, firewall)]


def _sets(lab: PacketLab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    """The saved ipsets that the rules use."""
    path = firewall.sets
    if path in (None, NO_SETS) or tree.entry(path) is None:
        return
    program = _needed("ipset", PACKAGES["ipset"])
    held = names_of(tree, path).sets
    with etc_of(tree, ()) as around:
        done = lab.server.run(program, "restore", "-exist", given=_data(tree, path), check=False, around=around)
    taken = done.returncode == 0
    unknown = held is None or any(each.doubt for each in held.sets.values())
    expected = taken if unknown else not (held and held.problems)
    yield Load(str(path), program, taken, expected, done.stderr.strip())


def _saved(lab: PacketLab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    for version, paths in sorted(firewall.files.items()):
        for path in paths:
            program = _needed(restorer(version, firewall.backend), "iptables")
            data = _rules(_data(tree, path), path)
            with etc_of(tree, ()) as around:
                done = lab.server.run(program, given=data, check=False, around=around)
            problems = firewall.ruleset(version).problems
            yield Load(str(path), program, done.returncode == 0, not problems, done.stderr.strip())


def _ufw(lab: PacketLab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    problems = {each.location.path for each in firewall.problems}
    with etc_of(tree, ()) as around:
        for each in ufw.restores(tree, names_of(tree, firewall.sets), firewall.backend):
            program = _needed(restorer(each.version, firewall.backend), "iptables")
            options = ["-n"] if each.noflush else []
            given = _rules(each.text.encode("utf-8", "surrogateescape"), each.path)
            done = lab.server.run(program, *options, given=given, check=False, around=around)
            expected = each.path not in problems
            yield Load(str(each.path), program, done.returncode == 0, expected, done.stderr.strip())


def _nftables(lab: PacketLab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
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


def _firewalld(lab: PacketLab, tree: Tree, firewall: Firewall) -> Iterator[Load]:
    """Start firewalld's core with the target's configuration; it runs until the lab is closed."""
    told = told_zones(tree) if firewall.told else {}
    zones = {interface: zone.name for interface, zone in told.items() if interface != ANY_CARD}
    with etc_of(tree, ()) as around, folder_of(tree) as folder:
        core = Core(lab.server, str(folder), (*around, "sh", "-eu", "-c", APART, "sh"))
        lab.until_closed(core.close)
        _check_version(tree, core.version)
        done = core.start(zones, firewall.backend)
    taken = done["state"] == "RUNNING"
    unread = any(each.lost == NOT_KNOWN for each in firewall.problems)
    expected = taken if unread else not firewall.problems
    yield Load(str(FIREWALLD_CONF.parent), f"firewalld {core.version}", taken, expected, done["problem"].strip())


def _check_version(tree: Tree, here: str) -> None:
    """Check that the core builds the same rules as the target's firewalld. Raises ProofError."""
    there = installed_version(tree)
    if there is not None and not Dialect(there).makes_same_rules(Dialect(version_in(here))):
        raise ProofError(
            f"the server has firewalld {there[0]}.{there[1]}, this system {here}: other rules of the same files",
            "Prove it where the server's release is installed (the package python3-firewall).",
        )


def _rules(data: bytes, path: PurePosixPath) -> bytes:
    """`data`, if it is safe to load as rules. Raises ProofError."""
    if runs_programs(data.decode("utf-8", "surrogateescape")):
        raise ProofError(f"{path} names a program that iptables is to run (--modprobe)", "It is not loaded here.")
    return data


def _data(tree: Tree, path: PurePosixPath) -> bytes:
    data = tree.data(path)
    if data is None:
        raise ProofError(f"{path} is too large to be read", "Its rules can't be proven.")
    return data


def _needed(program: str, package: str) -> str:
    if shutil.which(program) is None:
        raise ProofError(f"the program {program} is not on this system", f"Install the package {package}.")
    return program
