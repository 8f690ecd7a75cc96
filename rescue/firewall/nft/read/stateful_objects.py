"""The counters, quotas, limits and other named objects of a table, parsed from their blocks (nft(8), "STATEFUL
OBJECTS", "CT HELPER" and "FLOWTABLES")."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rescue.firewall.engine.conditions import Condition
from rescue.firewall.nft.language.amounts import Limit, amount, rate
from rescue.firewall.nft.language.tokens import NEWLINE, STRING, WORD, Cursor, NftNotModelled
from rescue.firewall.nft.read.elements import DURATION
from rescue.firewall.nft.read.preprocess import Preprocessor
from rescue.firewall.nft.read.script import Thing
from rescue.firewall.nft.read.statements import comment, synproxy
from rescue.model import Location

KINDS = ("counter", "quota", "limit", "ct", "secmark", "synproxy", "flowtable")
"""The words that start an object; ``ct`` continues with helper, timeout or expectation."""

_OF_CONNECTION = ("helper", "timeout", "expectation")
_WORDS = {
    "counter": ("name", "packets", "bytes"),
    "quota": ("name", "over", "until", "used", "bytes"),
    "limit": ("name", "over", "until", "rate", "burst", "packets", "bytes"),
}
"""Words that are nft keywords after the name of a kind."""

_NEEDED = {
    "limit": ("rate",),
    "secmark": ("context",),
    "ct helper": ("type",),
    "ct timeout": ("protocol",),
    "ct expectation": ("protocol", "dport", "timeout", "size"),
}
"""The options that an object requires."""

_HELPERS = {
    "ftp": ("tcp",), "irc": ("tcp",), "pptp": ("tcp",), "sane": ("tcp",), "tftp": ("udp",), "amanda": ("udp",),
    "snmp": ("udp",), "netbios-ns": ("udp",),
}  # fmt: skip
"""The kernel's helpers that support only one protocol."""

_STATES = {
    "tcp": ("syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait", "close",
            "syn_sent2", "retrans", "unack"),
    "udp": ("unreplied", "replied"),
}  # fmt: skip
"""The connection states that a timeout may be set for."""

_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")


def kind_of(cursor: Cursor) -> str:
    """Parse the kind of the next object. Raises Wrong."""
    word = cursor.expect(*KINDS)
    return f"ct {cursor.expect(*_OF_CONNECTION)}" if word == "ct" else word


def thing(cursor: Cursor, preprocessor: Preprocessor, kind: str, here: Location, family: str, *, bare: bool) -> Thing:
    """Parse an object from its name on. bare: braces are optional, as in a command. Raises Wrong and NftNotModelled."""
    if cursor.peek() in _WORDS.get(kind, ()):
        raise cursor.wrong(f"{cursor.shown()} is an nft keyword and can't be a name here")
    name = cursor.identifier()
    reader = _Reader(cursor, preprocessor, kind)
    line = reader.lines[kind]
    if cursor.accept("{"):
        reader.block(line)
        reader.check(kind, family)
    elif not bare or kind in ("ct helper", "ct timeout", "ct expectation", "flowtable"):
        cursor.expect("{")
    elif cursor.peek() not in (NEWLINE, ";", "") or kind != "counter":
        line()
    return Thing(kind, name, here, reader.condition)


class _Reader:
    def __init__(self, cursor: Cursor, preprocessor: Preprocessor, kind: str) -> None:
        self.cursor = cursor
        self.preprocessor = preprocessor
        self.condition: Condition | None = Limit(over=False, sized=True, bucket=0) if kind == "quota" else None
        self.given: dict[str, str] = {}
        """The given options, each with one word of its value."""
        self.states: list[str] = []
        self.lines: dict[str, Callable[[], None]] = {
            "counter": self._counter,
            "quota": self._quota,
            "limit": self._limit,
            "secmark": self._secmark,
            "synproxy": self._synproxy,
            "ct helper": self._helper,
            "ct timeout": self._timeout,
            "ct expectation": self._expectation,
            "flowtable": self._flowtable,
        }

    def block(self, line: Callable[[], None]) -> None:
        """Parse lines up to the closing brace. Raises Wrong."""
        cursor = self.cursor
        while not cursor.accept("}"):
            if cursor.peek() in (NEWLINE, ";") and not cursor.done:
                cursor.index += 1
            elif cursor.accept("comment"):
                if "comment" in self.given:
                    raise cursor.wrong("the comment can't be given twice")
                self.given["comment"] = cursor.peek()
                comment(cursor)
            elif not self.preprocessor.directive(cursor):
                line()

    def check(self, kind: str, family: str) -> None:
        """Reject an object that lacks something the kernel requires. Raises Wrong."""
        for option in _NEEDED.get(kind, ()):
            if option not in self.given:
                raise self.cursor.wrong(f"the option {option} is missing")
        if kind == "ct expectation" and family == "inet" and "l3proto" not in self.given:
            raise self.cursor.wrong("the option l3proto is missing: a table of the family inet has two")
        if kind.startswith("ct ") and family in ("arp", "netdev"):
            raise self.cursor.wrong(f"a table of the family {family} has no connections")
        helper, protocol = self.given.get("type", ""), self.given.get("protocol", "")
        if protocol not in _HELPERS.get(helper, protocol):
            raise self.cursor.wrong(f"the helper {helper} is not for {protocol}")
        known = _STATES.get(self.given.get("protocol", ""), ())
        if strange := [each for each in self.states if each not in known]:
            raise self.cursor.wrong(f"this protocol has no state {strange[0]}")

    def _ended(self) -> None:
        if self.cursor.peek() not in (NEWLINE, ";"):
            raise self.cursor.wrong(f"unexpected {self.cursor.shown()}")

    def _counter(self) -> None:
        self.cursor.expect("packets")
        self.cursor.number()
        self.cursor.expect("bytes")
        self.cursor.number()

    def _quota(self) -> None:
        self.condition = amount(self.cursor)

    def _limit(self) -> None:
        self.given["rate"] = self.cursor.peek()
        self.condition = rate(self.cursor)

    def _secmark(self) -> None:
        self.given["context"] = self.cursor.peek()
        self.cursor.word()

    def _synproxy(self) -> None:
        cursor = self.cursor
        for word in ("mss", "wscale"):
            cursor.expect(word)
            cursor.number()
            while cursor.peek() in (NEWLINE, ";"):
                cursor.index += 1
        synproxy(cursor)

    def _protocol(self) -> None:
        self.given["protocol"] = self.cursor.expect("tcp", "udp")

    def _layer3(self) -> None:
        self.given["l3proto"] = self.cursor.expect(*_FAMILIES)

    def _helper(self) -> None:
        cursor = self.cursor
        if cursor.expect("type", "l3proto") == "l3proto":
            self._layer3()
        else:
            if cursor.kind() != STRING:
                raise cursor.wrong("the name of a helper needs quotes")
            self.given["type"] = cursor.take()
            cursor.expect("protocol")
            self._protocol()
        self._ended()

    def _timeout(self) -> None:
        cursor = self.cursor
        match cursor.expect("protocol", "l3proto", "policy"):
            case "protocol":
                self._protocol()
            case "l3proto":
                self._layer3()
            case _:
                cursor.expect("=")
                cursor.expect("{")
                for _ in self._listed():
                    self.states.append(cursor.identifier())
                    cursor.expect(":")
                    cursor.number()
        self._ended()

    def _expectation(self) -> None:
        cursor = self.cursor
        self.given[cursor.peek()] = cursor.peek(1)
        match cursor.expect("protocol", "dport", "timeout", "size", "l3proto"):
            case "protocol":
                self._protocol()
            case "l3proto":
                self._layer3()
            case "timeout":
                if not DURATION.fullmatch(cursor.word()):
                    raise cursor.wrong("unexpected time: it must be as 1d2h3m4s")
            case _:
                cursor.number()
        self._ended()

    def _flowtable(self) -> None:
        cursor = self.cursor
        match cursor.expect("hook", "devices", "counter", "flags"):
            case "hook":
                cursor.expect("ingress")
                cursor.expect("priority")
                cursor.line()
            case "devices":
                cursor.expect("=")
                if cursor.accept("$"):
                    self.preprocessor.value_of(cursor.identifier(), cursor)
                else:
                    cursor.expect("{")
                    for _ in self._listed():
                        if cursor.accept("$"):
                            self.preprocessor.value_of(cursor.identifier(), cursor)
                        elif cursor.kind() in (WORD, STRING):
                            cursor.take()
                        else:
                            raise cursor.wrong(f"unexpected {cursor.shown()}")
            case "flags":
                cursor.expect("offload")
        if cursor.done:
            raise NftNotModelled("flowtable", cursor.here)

    def _listed(self) -> Iterator[None]:
        """For each member of a list in braces, after the opening one."""
        cursor = self.cursor
        while True:
            cursor.skip_newlines()
            if cursor.accept("}"):
                return
            yield
            cursor.skip_newlines()
            if not cursor.accept(","):
                cursor.expect("}")
                return
