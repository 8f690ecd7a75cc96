"""What was seen from outside: plain values, with no judgement in them, that can be saved and read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Answer(StrEnum):
    """What a TCP connection attempt came to."""

    OPEN = "open"
    RESET = "reset"
    """TCP answered with a reset."""
    REFUSED = "refused"
    """Refused; this system does not say whether by a reset or by ICMP."""
    ICMP = "icmp"
    """An ICMP message said that it can't be reached."""
    NEIGHBOUR = "no neighbour"
    """The next machine on our own network does not answer (ARP, neighbour discovery)."""
    SILENT = "no answer"
    NO_ROUTE = "no route from here"
    FORBIDDEN = "forbidden here"
    """Our own system's firewall or policy refuses."""
    FAILED = "failed"
    """Another local error; `error` names it."""


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP error. sender: who sent it. version: 4 or 6, which decides what type and code mean."""

    version: int
    type: int
    code: int
    sender: str

    @property
    def name(self) -> str:
        """The code's usual name."""
        return _NAMES.get((self.version, self.type, self.code), f"type {self.type} code {self.code}")

    @property
    def by_filter(self) -> bool:
        """Whether only a packet filter sends it: "prohibited" in all its forms."""
        return (self.version, self.type, self.code) in _PROHIBITED

    @property
    def port(self) -> bool:
        """Whether it is "port unreachable", which a firewall sends in place of a TCP reset."""
        return (self.version, self.type, self.code) in ((4, 3, 3), (6, 1, 4))


_NAMES = {
    (4, 3, 0): "network unreachable", (4, 3, 1): "host unreachable", (4, 3, 2): "protocol unreachable",
    (4, 3, 3): "port unreachable", (4, 3, 4): "fragmentation needed", (4, 3, 9): "network prohibited",
    (4, 3, 10): "host prohibited", (4, 3, 13): "administratively prohibited",
    (6, 1, 0): "no route", (6, 1, 1): "administratively prohibited", (6, 1, 3): "address unreachable",
    (6, 1, 4): "port unreachable", (6, 1, 5): "source address refused by policy", (6, 1, 6): "route rejected",
}  # fmt: skip
_PROHIBITED = {(4, 3, 9), (4, 3, 10), (4, 3, 13), (6, 1, 1), (6, 1, 5), (6, 1, 6)}


@dataclass(frozen=True, slots=True)
class Dial:
    """One connection attempt. seconds: until the answer, or how long was waited. error: an errno's name, or ""."""

    port: int
    answer: Answer
    seconds: float
    icmp: Icmp | None = None
    error: str = ""


class Ping(StrEnum):
    """Whether an ICMP echo request was answered."""

    ANSWERED = "answered"
    SILENT = "no answer"
    UNKNOWN = "could not be tried"


class Said(StrEnum):
    """What came after the connection was accepted, before anything was sent."""

    SSH = "ssh"
    NOTHING = "nothing"
    """Accepted, and silence."""
    CLOSED = "closed"
    """Closed in order, without a byte."""
    RESET = "reset"
    """Reset without a byte."""
    TOO_MANY = "MaxStartups"
    """sshd's "Exceeded MaxStartups"."""
    PENALTY = "penalty"
    """sshd's "Not allowed at this time": PerSourcePenalties, OpenSSH 9.8 or newer."""
    HTTP = "http"
    TLS = "tls"
    OTHER = "other"
    """Another program."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The raw beginning of what the server sent. text: the line that decided, cut, not made safe."""

    said: Said
    text: str = ""
    seconds: float = 0.0


class Reached(StrEnum):
    """How far the system's own ssh got, without sending any credentials."""

    NOT_TRIED = "not tried"
    NO_SSH = "no ssh here"
    GREETED = "greeted"
    """Only the greeting came: nothing of the key exchange."""
    OFFERED = "offered"
    """The server's key exchange offer came, and no answer to ours."""
    KEYS = "keys"
    """The key exchange ended; no authentication methods came."""
    METHODS = "methods"
    """The authentication methods are known."""
    LET_IN = "let in"
    """The server accepted the login without any credentials."""


class Ended(StrEnum):
    """Why the handshake ended."""

    DONE = "done"
    HUNG = "hung"
    CLOSED = "closed"
    NO_COMMON = "no common algorithm"
    TOO_LONG = "too many bytes"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Handshake:
    """What ssh saw. host_key: as "ssh-ed25519 SHA256:...". methods: as the server offers them to this user.
    text: the line that ended it. small: whether small packets (MSS 536) got further, None if that was not tried."""

    reached: Reached = Reached.NOT_TRIED
    ended: Ended = Ended.DONE
    host_key: str = ""
    methods: tuple[str, ...] = ()
    text: str = ""
    small: bool | None = None
    received: int = 0


@dataclass(frozen=True, slots=True)
class AddressSeen:
    """One address. tries: of the port that was asked for. others: of other ports, one try each."""

    address: str
    tries: tuple[Dial, ...]
    ping: Ping = Ping.UNKNOWN
    ping_seconds: float = 0.0
    others: tuple[Dial, ...] = ()
    greeting: Greeting | None = None
    handshake: Handshake = field(default_factory=Handshake)
    source: str = ""
    interface: str = ""
    moved: tuple[tuple[int, str], ...] = ()
    """Other ports at which an SSH server greets, with its greeting."""

    @property
    def version(self) -> int:
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class Lookup:
    """The name's addresses, in the order in which ssh tries them. problem: why there is none; temporary: by whom."""

    addresses: tuple[str, ...] = ()
    problem: str = ""
    temporary: bool = False
    wrong_family: bool = False
    """There are addresses, of the other IP version."""


@dataclass(frozen=True, slots=True)
class ClientSide:
    """What `ssh -G` and our own files say. typed: what the person typed. keys: key files that are tried.
    troubles: sentences about our own side. known: host keys that known_hosts has, by type.
    known_ports: ports at which known_hosts or ssh_config have it. jump: ProxyJump or ProxyCommand, "" for none."""

    hostname: str = ""
    user: str = ""
    port: int = 22
    port_given: bool = False
    keys: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    known_ports: tuple[int, ...] = ()
    jump: str = ""
    algorithms: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that one probe saw. reference: whether the reference host was reached at the same port."""

    host: str
    at: datetime
    client: ClientSide
    lookup: Lookup
    addresses: tuple[AddressSeen, ...] = ()
    reference_host: str = ""
    reference: bool | None = None
