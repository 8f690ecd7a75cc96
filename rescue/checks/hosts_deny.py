"""hosts.allow and hosts.deny block your address before sshd says a word.

Symptom: "Connection closed by SERVER port 22" or "kex_exchange_identification: Connection closed by remote host", after
about five seconds of silence; the server's log says "refused connect from".

Cause: Debian and Ubuntu build sshd with TCP wrappers. It reads /etc/hosts.allow first: whoever matches a line there
gets in, unless the line ends in "deny". Then /etc/hosts.deny: whoever matches a line there is blocked. Such a line
comes from an old handbook ("ALL: ALL"), or from a program that bans (DenyHosts, a script of your own), which adds the
address again unless you also remove it from that program's own list. If the last line of hosts.deny has no newline, it
blocks everybody, whatever it says.

Repair: remove a ban of only your address, also from DenyHosts' counters (you must find a script's list yourself); add a
missing newline; else add one line to hosts.allow that lets in your address. All others stay as they are.

See: hosts_access(5), hosts_options(5); auth_hosts in Debian's patch restore-tcp-wrappers.patch of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.formats.hosts_access import (
    ALLOW,
    DAEMON,
    DENY,
    HOSTS_READS,
    HostsAccessLine,
    Ruling,
    admits_somebody,
    first_that_may_fit,
    hosts_access,
    lines_for_sshd,
    words,
)
from rescue.formats.packages import PACKAGE_READS, links_libwrap
from rescue.logins.blocking import ask_for_address
from rescue.model import Address, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read, Tree

STEP = Step.ACCEPT
DENYHOSTS = PurePosixPath("/var/lib/denyhosts")
COUNTS = ("hosts", "hosts-restricted", "hosts-root", "hosts-valid")
"""The files where DenyHosts counts an address's failed logins ("ADDRESS:COUNT:TIME"), and by which it bans again."""

READS = (*HOSTS_READS, *PACKAGE_READS, Read(str(DENYHOSTS), depth=1))

MOST_BANS = 100
"""The most lines that one address is removed from."""

SHOWN = 120
"""How many characters of a line a message shows."""


def find(facts: Facts) -> Iterator[Finding]:
    tree = facts.tree
    if not (tree.text(ALLOW) or tree.text(DENY)):
        return
    sources = facts.client.sources
    rulings = {source: hosts_access(tree, source) for source in sources or (None,)}
    kept_out = {source: ruling for source, ruling in rulings.items() if not ruling.allowed and ruling.line}
    if not kept_out or not links_libwrap(tree):
        return
    ruling = next((each for each in kept_out.values() if each.allowed is False), next(iter(kept_out.values())))
    addresses = tuple(each for each, found in kept_out.items() if each and found.allowed is ruling.allowed)
    if addresses:
        yield _for_addresses(tree, addresses, ruling)
    elif ruling.allowed is False:
        yield _for_anybody(tree, ruling)


def _for_addresses(tree: Tree, addresses: tuple[Address, ...], ruling: Ruling) -> Finding:
    whom = ", ".join(str(each) for each in addresses)
    if ruling.allowed is None:
        repairs = tuple(_admitting(addresses, Safety.UNSAFE))
        return _finding(ruling, f"may block your address {whom}", repairs, REASON)
    return _finding(ruling, f"blocks your address {whom}", tuple(_repairs(tree, addresses)))


def _for_anybody(tree: Tree, ruling: Ruling) -> Finding:
    """The client's address is not known: whoever no line names is blocked."""
    if ruling.line is not None and ruling.line.unfinished and _whole(tree) != tree:
        return _finding(ruling, "blocks everybody", (_newline(),))
    lines = (*lines_for_sshd(tree, ALLOW), *lines_for_sshd(tree, DENY))
    if any(admits_somebody(line) for line in lines):
        reason = "some addresses are allowed, and yours is not known"
        return _finding(ruling, "blocks everyone who is not listed", (ask_for_address(),), reason)
    everybody = Repair(
        "allow everybody to reach sshd, in hosts.allow",
        Safety.SAFE,
        partial(_inserted, word="ALL", before=None),
        weakens="any address can reach sshd; only SSH logins protect it",
        lets_in=True,
    )
    return _finding(ruling, "blocks everybody", (everybody, ask_for_address()))


REASON = "the line uses host names or runs a program, and the disk does not show their results"


def _finding(ruling: Ruling, does: str, repairs: tuple[Repair, ...], reason: str = "") -> Finding:
    line = ruling.line
    place = line.location if line else Location(DENY)
    shown = place.text[:SHOWN] + ("..." if len(place.text) > SHOWN else "")
    why = f"{place}: {shown}"
    if line is not None and line.unfinished:
        why = f"{place}: the line has no newline, so libwrap blocks everybody"
    return Finding(
        check="hosts-deny",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"sshd checks hosts.allow and hosts.deny, and that {does} ({why}).",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=repairs,
        reason=reason,
        words="kex_exchange_identification: read: Connection reset by peer",
    )


def _repairs(tree: Tree, addresses: tuple[Address, ...]) -> Iterator[Repair]:
    """Repairs that let in all of the addresses, smallest edit first."""
    if _all_in(_whole(tree), addresses):
        yield _newline()
    elif _all_in(lifted(tree, addresses), addresses):
        listed = ", ".join(str(each) for each in addresses)
        yield Repair(f"remove the ban of {listed}", Safety.SAFE, partial(lifted, addresses=addresses))
    yield from _admitting(addresses, Safety.SAFE)


def _newline() -> Repair:
    return Repair("add the missing newline at the end of hosts.allow and hosts.deny", Safety.SAFE, _whole)


def _admitting(addresses: tuple[Address, ...], safety: Safety) -> Iterator[Repair]:
    listed = ", ".join(str(each) for each in addresses)
    yield Repair(
        f"allow {listed} in hosts.allow",
        safety,
        partial(admitted, addresses=addresses),
        weakens=f"{listed} can reach sshd, whatever the two files say",
        lets_in=True,
    )


def _all_in(tree: Tree, addresses: tuple[Address, ...]) -> bool:
    return all(hosts_access(tree, address).allowed for address in addresses)


def _whole(tree: Tree) -> Tree:
    """The tree where the last line of both files has its newline."""
    for path in (ALLOW, DENY):
        text = tree.text(path)
        if text and (not text.endswith("\n") or text.endswith("\\\n")):
            tree = tree.write(path, f"{text}\n")
    return tree


def admitted(tree: Tree, addresses: tuple[Address, ...]) -> Tree:
    """The tree where hosts.allow lets the addresses in, before any line that does not."""
    for address in addresses:
        if not hosts_access(tree, address).allowed:
            first = first_that_may_fit(tree, address)
            before = first.first if first is not None and first.path == ALLOW else None
            tree = _inserted(tree, _pattern(address), before)
    return tree


def _inserted(tree: Tree, word: str, before: int | None) -> Tree:
    text = tree.text(ALLOW) or ""
    unfinished = next((line.first for line in lines_for_sshd(tree, ALLOW) if line.unfinished), None)
    lines = text.split("\n")
    # A last line that has no effect must not get one.
    at = before or unfinished
    if at is None and lines[-1]:
        lines.append("")
    if at is None and len(lines) > 1 and lines[-2].endswith("\\"):
        lines.append("")
    lines.insert(at - 1 if at else len(lines) - 1, f"{DAEMON}: {word}")
    return tree.write(ALLOW, "\n".join(lines))


def _pattern(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def lifted(tree: Tree, addresses: tuple[Address, ...]) -> Tree:
    """The tree where no line of hosts.deny (or denying line of hosts.allow) bans just these addresses."""
    for address in addresses:
        for _ in range(MOST_BANS):
            line = hosts_access(tree, address).line
            if line is None or line.unfinished or hosts_access(tree, address).allowed:
                break
            after = _without(tree, line, {_pattern(address), f"{address}/32", f"[{address}]/128"})
            if after is None:
                break
            tree = _uncounted(after, address)
    return tree


def _uncounted(tree: Tree, address: Address) -> Tree:
    """The tree where DenyHosts has no failures counted for the address."""
    for name in COUNTS:
        path = DENYHOSTS / name
        lines = (tree.text(path) or "").split("\n")
        left = [line for line in lines if not line.startswith(f"{address}:")]
        if len(left) < len(lines):
            tree = tree.write(path, "\n".join(left))
    return tree


def _without(tree: Tree, line: HostsAccessLine, bans: set[str]) -> Tree | None:
    """The tree without those words in the line, or without the line if it names no others."""
    named = words(line.clients)
    left = [word for word in named if word not in bans]
    if len(left) == len(named) or any(word.upper() == "EXCEPT" for word in named):
        return None
    lines = (tree.text(line.path) or "").split("\n")
    new: list[str] = []
    if left:
        options = f":{line.options}" if line.options is not None else ""
        new = [f"{line.daemons}: {' '.join(left)}{options}".rstrip()]
    lines[line.first - 1 : line.last] = new
    return tree.write(line.path, "\n".join(lines))
