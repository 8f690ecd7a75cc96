"""The types that every room shares: steps, symptoms, findings and repairs.

Nothing here reads a disk. A check yields findings; a finding belongs to one step of the path to a login and
carries repairs; a repair is a titled function from a tree to a tree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePosixPath

from rescue.tree import Tree

Address = IPv4Address | IPv6Address

Known = bool | None
"""Whether something holds; None where that can't be told from the disk."""


def both(one: Known, other: Known) -> Known:
    """Whether both hold: one that does not is enough for False, whatever is not known of the other."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


class Step(Enum):
    """The steps that must all hold between power-on and a shell, in order."""

    BOOT = ("boot", "the system reaches its login services")
    DISK = ("disk", "file systems have room and can be written")
    NETWORK = ("network", "an address comes up, with a route")
    SERVICE = ("service", "the SSH server starts at boot")
    LISTEN = ("listen", "it listens on the port that you dial")
    FIREWALL = ("firewall", "the firewall lets new connections in")
    ACCEPT = ("accept", "the SSH server talks to your client")
    ACCOUNT = ("account", "the user may log in")
    KEY = ("key", "the key is found and trusted")
    SESSION = ("session", "a shell starts")

    def __init__(self, word: str, holds: str) -> None:
        self.word = word
        self.holds = holds

    @property
    def order(self) -> int:
        """1 for the first step."""
        return list(Step).index(self) + 1

    def __str__(self) -> str:
        return self.word


class Symptom(StrEnum):
    """What the client sees. `words` gives the exact line."""

    OK = "ok"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"
    DENIED = "denied"
    HANGS = "hangs"

    def words(self, user: str = "me", host: str = "SERVER", port: int = 22) -> str:
        """The line that OpenSSH's client prints (ssh.c, sshconnect.c, sshconnect2.c of 9.2)."""
        return {
            Symptom.OK: "a shell prompt",
            Symptom.REFUSED: f"ssh: connect to host {host} port {port}: Connection refused",
            Symptom.TIMED_OUT: f"ssh: connect to host {host} port {port}: Connection timed out",
            Symptom.UNREACHABLE: f"ssh: connect to host {host} port {port}: No route to host",
            Symptom.CLOSED: f"Connection closed by {host} port {port}",
            Symptom.DENIED: f"{user}@{host}: Permission denied (publickey).",
            Symptom.HANGS: "(nothing: the login hangs)",
        }[self]


class Severity(StrEnum):
    """How certain it is that the finding's step is broken."""

    BROKEN = "broken"
    DOUBTFUL = "doubtful"


class Safety(StrEnum):
    """What a repair costs. Safe: restores the login and weakens nothing else. Unsafe: weakens something or loses data.
    Manual: only a person can do it."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """Where the evidence is: a file of the target, its line (from 1; 0 for the whole file) and the text."""

    path: PurePosixPath
    line: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


Edit = Callable[[Tree], Tree]


@dataclass(frozen=True, slots=True)
class Repair:
    """A titled edit of the tree.

    title: imperative, without a full stop ("allow tcp port 22 in ufw").
    weakens: the security note: what becomes less strict, for the user to weigh; empty if nothing does.
    lets_in: true if the note only says who is let in: who may connect to the SSH port, or that the account may log in.
    A safe repair has no other note.
    edit: None for a manual repair, whose `title` and `steps` say what a person can do.
    irreversible: true if the edit deletes content that undo can't bring back (logs, caches).
    The edit may raise ValueError or OSError if it can't be made on this tree; the plan then says so.
    """

    title: str
    safety: Safety
    edit: Edit | None = None
    weakens: str = ""
    steps: str = ""
    irreversible: bool = False
    lets_in: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken or doubtful step.

    check: the cause's id ("ufw-no-ssh-rule"). subject: distinguishes two findings of one check (a user, a port, a
    mount point). message: one or two sentences for the person affected. reason: why a doubtful one is not certain.
    locations: the deciding one first. repairs: the recommended one first. hides: later steps that can't be judged
    while this one is broken. users: the accounts that it blocks; () for every login. words: the line that the client
    prints, if it differs from the symptom's. seen: how the last boot shows it, by the server's own logs; "" if it does
    not.
    """

    check: str
    step: Step
    severity: Severity
    message: str
    symptom: Symptom
    locations: tuple[Location, ...] = ()
    repairs: tuple[Repair, ...] = ()
    subject: str = ""
    reason: str = ""
    hides: tuple[Step, ...] = ()
    users: tuple[str, ...] = ()
    words: str = ""
    seen: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Identifies the finding before and after a repair."""
        return (self.check, self.subject)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that decides a step but was not judged: the step is then not "ok", and the path not "clear".

    check: the id of what reports it ("key-unknown"). what: the text that follows "not judged:" ("which of these keys
    is yours"). supply: the option or command that supplies what is missing; "" if none does. user: the account that it
    concerns; "" for every login. locations: what was read and could not be judged.
    """

    check: str
    step: Step
    what: str
    supply: str = ""
    user: str = ""
    locations: tuple[Location, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """The connection: user, address, port and key. Everything may be unknown.

    user: None means root and every account that could log in. sources: the addresses the client may come from, as
    the server sees them; empty means any. port: the one that the client connects to; None means 22 unless the disk
    shows that another is meant. key: the client's public key as "type base64"; the
    rest of its line in a file is left out. comment: that rest, "" for none. now: the time of the login, with a time
    zone: bans and accounts expire. console: what the server's serial console showed, saved by the person; "" for none.
    expected: the server's own addresses, by the provider's panel. macs: the hardware addresses of its interfaces, in
    lower case; () for unknown. program: the client and its version ("putty-0.78"); "" for today's OpenSSH. by_password:
    the person says that they log in with a password, and know it.
    Raises ValueError for impossible values.
    """

    user: str | None = None
    sources: tuple[Address, ...] = ()
    port: int | None = None
    key: str | None = field(default=None, repr=False)
    now: datetime = field(default_factory=lambda: datetime.now(UTC), repr=False, compare=False)
    comment: str = field(default="", repr=False, compare=False)
    console: str = field(default="", repr=False, compare=False)
    expected: tuple[Address, ...] = ()
    macs: tuple[str, ...] = ()
    program: str = ""
    by_password: bool = False

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise ValueError(f"a port is a number from 1 to 65535, not {self.port}")
        if self.key is not None:
            object.__setattr__(self, "key", _key(self.key))
        if self.now.tzinfo is None:
            raise ValueError("now has to have a time zone")
        object.__setattr__(self, "macs", tuple(_mac(each) for each in self.macs))


def _key(text: str) -> str:
    """A public key's type and content, as they begin the line of its file."""
    words = text.split()
    if len(words) < 2 or "\n" in text.strip() or not words[1].rstrip("=").translate(_IN_BASE64).isalnum():
        raise ValueError("a public key is given as in its file: the type, its content in base64, perhaps a comment")
    return f"{words[0]} {words[1]}"


_IN_BASE64 = str.maketrans("+/", "xx")


def _mac(text: str) -> str:
    """A hardware address in lower case, with colons."""
    spelt = text.strip().lower().replace("-", ":")
    parts = spelt.split(":")
    if len(parts) != 6 or any(len(part) != 2 or set(part) - set("0123456789abcdef") for part in parts):
        raise ValueError(f"a hardware address has six pairs of hexadecimal digits, unlike {text[:40]!r}")
    if spelt == "00:00:00:00:00:00" or int(parts[0], 16) & 1:
        raise ValueError(f"no network interface has the hardware address {spelt}")
    return spelt
