"""Which network cards a server had when it last ran, as its journal tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from rescue.formats.journal_file import JournalFile, written
from rescue.tree import Read, Tree

JOURNALS = "/var/log/journal"
MACHINE_ID = "/etc/machine-id"
CARD_READS = (Read(JOURNALS, depth=2, content=False), Read(MACHINE_ID, depth=0))

LIMIT = 64 << 20
"""Bytes of a journal that is read. journald begins a new file long before."""

MOST = 4000
"""Messages that are looked at: those of one card are few, as equal ones are kept once."""

_NAME = rb"(?P<name>[a-z][a-z0-9]{1,14})"
_MAC = rb"(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})"
THERE = (rb"\S{1,40} \S{1,40} " + _NAME + rb": renamed from eth\d",)
"""What the kernel says when udev has given a card its name, whether or not anybody configures it."""
UP = (
    # systemd-networkd
    _NAME + rb": (?:Gained carrier|Link UP)\b",
    # The kernel, of a card that was switched on and has found its wire.
    rb"IPv6: ADDRCONF\(NETDEV_(?:CHANGE|UP)\): " + _NAME + rb": link (?:becomes|is not) ready",
    # dhclient
    rb"Listening on LPF/" + _NAME + rb"/" + _MAC,
    # cloud-init's table of the cards
    rb"ci-info: \|\s{1,16}" + _NAME + rb"\s{1,16}\|\s{1,8}True\s{1,8}\|(?:[^|\n]{1,60}\|){3}\s{1,8}" + _MAC,
)
SAYINGS = (*THERE, *UP)
"""What programs say of a card that is there, or that was switched on as well (`UP`)."""

_LONGEST = 120
"""Characters of such a message: a hardware address is well within them."""

_CARD = re.compile(r"eth\d+|en[opsx][a-z0-9]+|em\d+|p\d+p\d+")


def is_card(name: str) -> bool:
    """Whether an interface is called as the kernel and udev call wired cards (systemd.net-naming-scheme(7))."""
    return _CARD.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of one boot: name -> hardware address, empty where it was not told.

    latest: this boot is the last one that the journal tells of. up: in that last one, a card was switched on.
    """

    found: dict[str, str]
    latest: bool
    up: bool


def seen_cards(tree: Tree) -> Cards | None:
    """Those of the newest boot in which a card came up; None where no journal tells of one."""
    path = _journal(tree)
    if path is None:
        return None
    tree.require(Read(str(path), depth=0, limit=LIMIT))
    try:
        journal = JournalFile(tree.data_if_read(path) or b"")
    except ValueError:
        return None
    newest: tuple[int, bytes] = (0, b"")
    up: set[bytes] = set()
    cards: dict[bytes, dict[str, str]] = {}
    for saying in SAYINGS:
        for message in journal.messages(saying, MOST):
            told = re.match(saying, message.text.encode())
            if told is None or not is_card(name := told["name"].decode()):
                continue
            newest = max(newest, (message.realtime, message.boot))
            if saying in UP:
                up.add(message.boot)
            mac = (told.groupdict().get("mac") or b"").decode()
            here = cards.setdefault(message.boot, {})
            here[name] = mac or here.get(name, "")
    if not cards:
        return None
    return Cards(cards[newest[1]], latest=newest[1] == journal.last_boot, up=journal.last_boot in up)


def cards_alone(data: bytes) -> bytes:
    """A journal with what it says of cards, and nothing else, so that it may leave the machine."""
    try:
        journal = JournalFile(data)
    except ValueError:
        return b""
    said = [message for saying in SAYINGS for message in journal.messages(saying, MOST)]
    return written((replace(each, text=each.text.partition("\n")[0][:_LONGEST]) for each in said), journal.last_boot)


def _journal(tree: Tree) -> PurePosixPath | None:
    """The journal that is written to: this machine's own, else the newest."""
    tree.require(*CARD_READS)
    own = (tree.text(MACHINE_ID) or "").strip()
    found = []
    for path in tree.glob(f"{JOURNALS}/*/system.journal"):
        entry = tree.entry(path)
        if entry is not None and entry.is_file and 0 < entry.size <= LIMIT:
            found.append((path.parent.name == own, entry.modified, path))
    return max(found)[2] if found else None
