"""What AppArmor forbids sshd and the shell.

Decides: an AppArmor profile in enforce mode is the kernel's list of all that a program may do: if a line is missing in
one for sshd or the login shell, connections or sessions close.

Not judged: what such a profile allows. No distribution enforces one for sshd by default.

Supply: aa-disable /usr/sbin/sshd, or a link to the profile in /etc/apparmor.d/disable, and a reboot.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from re import MULTILINE
from re import compile as compile_pattern

from rescue.accounts.database import ACCOUNT_READS
from rescue.facts import Facts
from rescue.model import Gap, Location, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Read

STEP = Step.ACCEPT
FOLDER = "/etc/apparmor.d"
READS = (*UNIT_READS, *ACCOUNT_READS, Read(FOLDER, depth=1), Read(f"{FOLDER}/disable", depth=1, content=False))

SSHD = ("/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth", "/sbin/sshd")
_HEADER = compile_pattern(r"^\s*(?:profile\s+)?\"?(/?[^\s\"{#]+)\"?(?:\s+\"?(/[^\s\"{]+)\"?)?[^\n{]*\{", MULTILINE)
_COMPLAIN = compile_pattern(r"flags\s*=\s*\(?[^)\n{]*\b(?:complain|unconfined)\b")


def find(facts: Facts) -> Iterator[Gap]:
    if not facts.units.unit("apparmor.service").started:
        return
    tree = facts.tree
    off = set(tree.children(f"{FOLDER}/disable"))
    shells = tuple(account.shell for account in facts.logins if account.shell)
    for name in tree.children(FOLDER):
        path = f"{FOLDER}/{name}"
        entry = tree.entry(path)
        if name in off or entry is None or not entry.is_file:
            continue
        # One entry covers both names of a directory that Debian merged.
        text = (tree.text(path) or "").replace("/{usr/,}", "/usr/").replace("/{,usr/}", "/usr/")
        for header in _HEADER.finditer(text):
            named = {each for each in header.groups() if each}
            if not _COMPLAIN.search(header[0]):
                yield from _forbids(path, named, frozenset(shells))


def _forbids(path: str, named: set[str], shells: frozenset[str]) -> Iterator[Gap]:
    steps = [(Step.SESSION, "the shell")] if named & shells else []
    if named & {*SSHD, "sshd"}:
        steps = [(STEP, "sshd"), (Step.SESSION, "a session")]
    for link, whom in steps:
        what = f"what AppArmor forbids {whom} ({path})"
        yield Gap("apparmor-profile", link, what, f"aa-disable {path}", locations=(Location(PurePosixPath(path)),))
