"""Which network cards a server had when it last ran, as its journal tells; where there is none, its text logs.

Of text logs the kernel's (kern.log, syslog, messages, dmesg) are cut into boots at "Linux version"; cloud-init.log
names the cards that it found; leases are named for the card that got them, and tell of no boot. What other programs
write into these logs, strangers may have chosen: it does not count.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from rescue.logs.journal_file import JournalEntry, JournalFile, written, written_entries
from rescue.machine_id import MACHINE_ID_READ, machine_id
from rescue.tree import Read, Tree

JOURNALS = "/var/log/journal"
LOGS = "/var/log"
LEASES = ("/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/NetworkManager", "/var/lib/dhcpcd", "/var/lib/dhcpcd5")
CARD_READS = (
    Read(JOURNALS, depth=2, content=False), MACHINE_ID_READ, Read(LOGS, depth=1, content=False),
    *(Read(path, depth=1, content=False) for path in LEASES),
)  # fmt: skip

LIMIT = 64 << 20
"""Bytes of a journal that is read. journald begins a new file long before."""

TEXT_LIMIT = 16 << 20
"""Bytes of a text log that is read, packed or not."""

_KERNEL_LOG = re.compile(r"(?:kern\.log|syslog|messages|dmesg|boot\.log)(?:[.-]\d+)?(?:\.gz)?")
_CLOUD_LOG = re.compile(r"cloud-init(?:-output)?\.log(?:[.-]\d+)?(?:\.gz)?")
_LEASE = re.compile(
    r"dhclient[.-](?:[0-9a-f-]{36}-)?(?P<one>[a-z][a-z0-9]+)\.leases?|(?:dhclient|internal)-[0-9a-f-]{36}-(?P<two>\w+)\.lease"
    r"|(?P<three>[a-z][a-z0-9]+)\.lease|dhclient--(?P<four>\w+)\.lease"
)
MOST_LOGS = 12

MOST = 4000
"""Messages that are looked at: those of one card are few, as equal ones are kept once."""

_NAME = rb"(?P<name>[a-z][a-z0-9]{1,14})"
_MAC = rb"(?P<mac>[0-9a-f]{2}(?::[0-9a-f]{2}){5})"
THERE = (rb"(?P<driver>\S{1,40}) \S{1,40} " + _NAME + rb": renamed from eth\d",)
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
LINK_UP = (rb"(?:\S{1,40} \S{1,40} )?" + _NAME + rb": (?:NIC )?[Ll]ink (?:is )?[Uu]p\b",)
"""What drivers say of it, in every one's own words: looked for in text logs alone."""
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

    latest: this boot is the last one that the journal tells of. up: in that last one, a card was switched on. drivers:
    the driver of each, by its name, and when: microseconds of the last that was told of one, where the journal tells.
    """

    found: dict[str, str]
    latest: bool
    up: bool
    drivers: dict[str, str] = field(default_factory=dict, compare=False)
    when: int = field(default=0, compare=False)


def seen_cards(tree: Tree) -> Cards | None:
    """Those of the newest boot in which a card came up; None where nothing tells of one."""
    found = [cards for path in _journals(tree) if (cards := _of_journal(tree, path)) is not None]
    # An archived journal tells of boots before those of the one that is written to.
    whole = next((each for each in found if each.found), None)
    if whole is not None:
        return whole if whole is found[0] else replace(whole, latest=False, up=False)
    return _of_logs(tree) or _of_leases(tree)


def _of_journal(tree: Tree, path: PurePosixPath) -> Cards | None:
    """None where it is no journal; no cards where it tells of none."""
    tree.require(Read(str(path), depth=0, limit=LIMIT))
    try:
        journal = JournalFile(tree.data_if_read(path) or b"")
    except ValueError:
        return None
    newest: tuple[int, bytes] = (0, b"")
    up: set[bytes] = set()
    cards: dict[bytes, dict[str, str]] = {}
    drivers: dict[bytes, dict[str, str]] = {}
    for saying in SAYINGS:
        for message in journal.messages(saying, MOST):
            told = re.match(saying, message.text.encode())
            if told is None or not is_card(name := told["name"].decode()):
                continue
            newest = max(newest, (message.realtime, message.boot))
            if saying in UP:
                up.add(message.boot)
            mac = (told.groupdict().get("mac") or b"").decode()
            if saying in THERE:
                drivers.setdefault(message.boot, {})[name] = told["driver"].decode(errors="replace")
            here = cards.setdefault(message.boot, {})
            here[name] = mac or here.get(name, "")
    if not cards:
        return Cards({}, latest=False, up=False)
    when, boot = newest
    last = boot == journal.last_boot
    return Cards(cards[boot], latest=last, up=journal.last_boot in up, drivers=drivers.get(boot, {}), when=when)


_HEAD = re.compile(
    rb"(?P<stamp>(?:[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\S{8,30}) \S{1,64} )?"
    rb"(?P<tag>(?:kernel|systemd-networkd|dhclient|cloud-init|ifup|dhcpcd)(?:\[\d{1,8}\])?: )?"
    rb"(?:<\d{1,3}>)?(?:\[ {0,8}[\d.]{1,20}\] )?(?:kernel: )?"
)
"""What stands before a message in a text log: time and machine, the program, the kernel's own time."""
_MARKS = (
    b"Linux version ", b"renamed from eth", b"Gained carrier", b"Link UP", b"link becomes ready", b"link is not ready",
    b"Listening on LPF/", b"ci-info: |", b"ink is Up", b"ink up", b"ink is up", b"ink Up", b"Detected interfaces {",
)  # fmt: skip
"""What stands in a line that tells something: only such lines are looked at closer."""
_BOOT = re.compile(rb"Linux version \d")
_DETECTED = re.compile(rb"(?:[^\n]{0,120}\[DEBUG\]: |[^\n]{0,120}: )?Detected interfaces (\{[^\n]{0,8000})")
_DETECTED_CARD = re.compile(
    rb"'(?P<name>[a-z][a-z0-9]{1,14})': \{(?:[^{}\n]{0,600}?'mac': '(?P<mac>[0-9a-f:]{17})')?[^{}\n]{0,600}\}"
)


def _lines(data: bytes) -> list[bytes]:
    """The messages that tell something, in their order, what stands before them taken off."""
    starts = set()
    for mark in _MARKS:
        at, number = data.find(mark), 0
        while at >= 0 and number < MOST:
            starts.add(data.rfind(b"\n", 0, at) + 1)
            number += 1
            at = data.find(mark, at + 1)
    found = []
    for start in sorted(starts):
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)][:9000]
        head = _HEAD.match(line)
        if head is None or (head["stamp"] and not head["tag"] and _DETECTED.match(line) is None):
            continue  # another program's, or a file that is none of these
        found.append(line[head.end() :])
    return found


def _of_logs(tree: Tree) -> Cards | None:
    """The same by text logs: the kernel's own first, of each kind the newest that tells of a card."""
    tree.require(*CARD_READS)
    for pattern in (_KERNEL_LOG, _CLOUD_LOG):
        newest = True
        for path in _logs(tree, pattern):
            cards = _in_text(_unpacked(tree, path), newest)
            if cards is not None:
                return cards
            newest = False
    return None


def _logs(tree: Tree, pattern: re.Pattern[str]) -> list[PurePosixPath]:
    found = []
    for name in tree.children(LOGS):
        path = PurePosixPath(LOGS) / name
        entry = tree.entry(path) if pattern.fullmatch(name) else None
        if entry is not None and entry.is_file and 0 < entry.size <= TEXT_LIMIT:
            rotated = 0 if name.endswith("log") or name in ("messages", "dmesg") else 1
            found.append((-entry.modified, rotated, name, path))
    return [path for *_, path in sorted(found)[:MOST_LOGS]]


def _unpacked(tree: Tree, path: PurePosixPath) -> bytes:
    tree.require(Read(str(path), depth=0, limit=TEXT_LIMIT))
    data = tree.data_if_read(path) or b""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return zlib.decompressobj(31).decompress(data, TEXT_LIMIT)
    except zlib.error:
        return b""


def _in_text(data: bytes, newest: bool) -> Cards | None:
    """What a text log tells of the last boot in which there was a card."""
    boots: list[list[bytes]] = [[]]
    for line in _lines(data):
        if _BOOT.match(line):
            boots.append([])
        else:
            boots[-1].append(line)
    for number, said in enumerate(reversed(boots)):
        cards, up = _named(said)
        if cards:
            last = newest and number == 0
            return Cards(cards, latest=last, up=last and up)
    return None


def _named(said: list[bytes]) -> tuple[dict[str, str], bool]:
    """The cards of one boot, and whether one was switched on."""
    cards: dict[str, str] = {}
    renamed, given = set[str](), set[str]()
    up = False
    for line in said:
        if (listed := _DETECTED.match(line)) is not None:
            for told in _DETECTED_CARD.finditer(listed[1]):
                if is_card(name := told["name"].decode()):
                    cards[name] = (told["mac"] or b"").decode() or cards.get(name, "")
            continue
        for saying in (*THERE, *UP, *LINK_UP):
            message = re.match(saying, line)
            if message is None or not is_card(name := message["name"].decode()):
                continue
            cards[name] = (message.groupdict().get("mac") or b"").decode() or cards.get(name, "")
            up = up or saying not in THERE
            if saying in THERE:
                given.add(name)
                renamed.update(old.decode() for old in re.findall(rb": renamed from (eth\d+)", line))
            break
    # What was said of a card before it had its name.
    for old in renamed - given:
        cards.pop(old, None)
    return cards, up


def _of_leases(tree: Tree) -> Cards | None:
    """The card that got the newest lease: it may have another name since."""
    tree.require(*CARD_READS)
    found = []
    for place in LEASES:
        for name in tree.children(place):
            match = _LEASE.fullmatch(name)
            card = next((each for each in match.groups() if each), "") if match else ""
            entry = tree.entry(f"{place}/{name}") if is_card(card) else None
            if entry is not None and entry.is_file and entry.size:
                found.append((entry.modified, card))
    return Cards({max(found)[1]: ""}, latest=False, up=False) if found else None


def is_text_log(path: str) -> bool:
    """Whether cards are looked for in the file at the path."""
    folder, _, name = path.rpartition("/")
    return folder == LOGS and (_KERNEL_LOG.fullmatch(name) or _CLOUD_LOG.fullmatch(name)) is not None


def card_lines_alone(data: bytes) -> bytes:
    """A text log with what it says of cards and of boots, and nothing else; unpacked."""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = zlib.decompressobj(31).decompress(data, TEXT_LIMIT)
        except zlib.error:
            return b""
    kept = []
    for line in _lines(data):
        if _BOOT.match(line):
            kept.append(b"Linux version 0")
        elif (listed := _DETECTED.match(line)) is not None:
            cards = [each[0] for each in _DETECTED_CARD.finditer(listed[1])]
            kept.append(b"Detected interfaces {" + b", ".join(cards) + b"}")
        else:
            told = (re.match(saying, line) for saying in (*THERE, *UP, *LINK_UP))
            kept += [match[0] for match in told if match is not None][:1]
    return b"\n".join(kept) + b"\n" if kept else b""


def cards_alone(data: bytes, others: Sequence[JournalEntry] = ()) -> bytes:
    """A journal with what it says of cards, and with these other entries, so that it may leave the machine."""
    try:
        journal = JournalFile(data)
    except ValueError:
        return b""
    said = [message for saying in SAYINGS for message in journal.messages(saying, MOST)]
    cards = [replace(each, text=each.text.partition("\n")[0][:_LONGEST]) for each in said]
    if not others:
        return written(cards, journal.last_boot)
    entries = [JournalEntry(0, each.realtime, 0, each.boot, ((b"MESSAGE", each.text.encode()),)) for each in cards]
    return written_entries([*entries, *others], journal.last_boot)


MOST_JOURNALS = 4


def _journals(tree: Tree) -> list[PurePosixPath]:
    """The journal that is written to, this machine's own before another's, and then archived ones, the newest first."""
    tree.require(*CARD_READS)
    own = machine_id(tree)
    found = []
    for path in tree.glob(f"{JOURNALS}/*/system*.journal"):
        entry = tree.entry(path)
        if entry is not None and entry.is_file and 0 < entry.size <= LIMIT:
            written_to = path.name == "system.journal"
            if written_to or path.name.startswith("system@"):
                found.append((path.parent.name == own, written_to, entry.modified, path))
    found.sort(reverse=True)
    # Another machine's journal came with an image; it counts where there is none of this one.
    mine = [each for each in found if each[0] == found[0][0]]
    return [path for *_, path in mine[:MOST_JOURNALS]]
