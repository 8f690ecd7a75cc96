"""Firewalls that an administrator's own scripts and units load at boot, and the lines that can't be read.

A script that only runs ``iptables-restore < FILE`` or ``nft -f FILE`` counts like a package's service: the file is read
and evaluated. Single commands (``iptables -P INPUT DROP``) are only detected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern
from typing import Protocol

from rescue.model import Location


class LoaderCommand(Protocol):
    """A command line that runs at boot. certain: it runs unconditionally."""

    @property
    def text(self) -> str: ...
    @property
    def location(self) -> Location: ...
    @property
    def certain(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """A rules file that a command loads. version: 4 or 6 for iptables files, 0 for nftables scripts."""

    version: int
    path: PurePosixPath
    command: LoaderCommand
    backend: str = ""


_FILE = r"\"?(?P<path>/[^\s\"';&|<>$*]+)\"?"
_QUIET = r"(?:\s*(?:[12]?>>?|&>)\s*\S+|\s*2>&1)*"
_RESTORE = compile_pattern(
    r"(?:cat\s+\"?(?P<piped>/[^\s\"';&|<>$*]+)\"?\s*\|\s*)?"
    r"(?:exec\s+|sudo\s+)?(?:/\S*/)?(?P<ip6>ip6?)tables(?P<kind>-legacy|-nft)?-restore"
    r"(?:\s+(?:-[cvnw]+|--counters|--verbose|--noflush|--wait(?:=\d+)?|-w\s*\d+))*"
    rf"(?:\s*<\s*{_FILE}|\s+{_FILE.replace('path', 'named')})?{_QUIET}"
)
_NFT = compile_pattern(rf"(?:exec\s+|sudo\s+)?(?:/\S*/)?nft\s+(?:-f|--file)\s*{_FILE}{_QUIET}")

_PROGRAM = r"(?:(?:^|[\s;&|(`\"'=/!])ip6?tables(?:-legacy|-nft)?|\$\{?\"?IP[46]?T\w*\}?\"?)"
_TOOL = compile_pattern(
    rf"{_PROGRAM}\s(?:.*\s)?(?:-[AIPRF]|--append|--insert|--policy|--replace|--flush)\b"
    r"|ip6?tables(?:-legacy|-nft)?-restore\b|\$\{?\"?IP6?T\w*RESTORE\w*"
    r"|(?:(?:^|[\s;&|(`\"'=/!])nft|\$\{?\"?NFT\w*\}?\"?)\s(?:.*\s)?"
    r"(?:-\w*f|--file|add|insert|create|replace|flush|delete|destroy)\b"
)
_HARMLESS = compile_pattern(
    r"\b(?:FORWARD|POSTROUTING|DOCKER\S*|MASQUERADE)\b|\s-t\s*(?:nat|mangle)\b|--table[ =](?:nat|mangle)\b"
    r"|(?:-j|--jump)\s+(?:ACCEPT|LOG|NFLOG|RETURN|TCPMSS|MARK|CONNMARK)\b|-P\s+\S+\s+ACCEPT\b"
    r"|--policy\s+\S+\s+ACCEPT\b|-restore\s(?:.*\s)?(?:-t|--test)(?:\s|$)|\bnft\s.*\blist\b|\bnft\s(?:-c|--check)"
    r"|[\s\"](?:-[LSCDXNZEV]|--list|--list-rules|--check|--delete|--new-chain|--zero|--version)\b"
)
"""The iptables and nft commands that never block anyone connecting to the server itself."""
_FLUSH = compile_pattern(r"\s(?:-F|--flush)\b")
_MANAGED = compile_pattern(
    r"(?:^|[\s/])(?:ufw\s+(?:--force\s+)?(?:enable|disable|default|deny|reject|limit|reset|delete)\b"
    r"|firewall-cmd\s.*--(?:panic-on|set-default-zone|remove-|change-|add-rich-rule|set-target))"
)


def concerns_firewall(command: LoaderCommand, others: bool) -> bool:
    """Whether a command may block someone. others: another firewall is loaded, which a flush would remove."""
    text = command.text
    if text.startswith(("echo ", "printf ", "logger ")) and "|" not in text:
        return False
    if _MANAGED.search(text):
        return True
    if _TOOL.search(text) is None:
        return False
    if _FLUSH.search(text):
        return others and not _HARMLESS.search(text)
    return not _HARMLESS.search(text)


def loads(commands: Iterable[LoaderCommand]) -> Iterator[LoadedRules]:
    """The rules files that the commands certainly load."""
    for command in commands:
        if not command.certain:
            continue
        if (match := _RESTORE.fullmatch(command.text)) is not None:
            path = match["path"] or match["named"] or match["piped"]
            if path:
                backend = (match["kind"] or "").lstrip("-")
                yield LoadedRules(4 if match["ip6"] == "ip" else 6, PurePosixPath(path), command, backend)
        elif (match := _NFT.fullmatch(command.text)) is not None:
            yield LoadedRules(0, PurePosixPath(match["path"]), command)


def apart(commands: Sequence[LoaderCommand], others: bool) -> tuple[tuple[LoadedRules, ...], tuple[LoaderCommand, ...]]:
    """The files that can be evaluated, one per IP version, and the commands that can't.

    If two commands load rules for the same version, the last one wins: neither is evaluated then.
    """
    concerned = [each for each in commands if concerns_firewall(each, others)]
    found = tuple(loads(concerned))
    files: dict[int, set[PurePosixPath]] = {}
    for load in found:
        files.setdefault(load.version, set()).add(load.path)
    sure = tuple({load.version: load for load in found if len(files[load.version]) == 1}.values())
    read = {load.path for load in sure}
    told = [load.command for load in found if load.path in read]
    return sure, tuple(each for each in concerned if not any(each is one for one in told))


def script_of(text: str) -> PurePosixPath | None:
    """The script that a line ``nft -f FILE`` loads; None for any other line."""
    match = _NFT.fullmatch(text.lstrip("-@:+!| "))
    return PurePosixPath(match["path"]) if match is not None else None
