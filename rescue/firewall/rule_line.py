"""One line of a rules file, read as iptables-restore(8) reads it: a command, or the reason why it is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from re import compile as compile_pattern

from rescue.firewall.addresses import AddressSet, Masked
from rescue.firewall.conditions import Addresses, Condition, Fixed, Interface, TransportProtocol
from rescue.firewall.extension_values import check_values
from rescue.firewall.matches import Names, Option, Refused, addresses, conditions, number
from rescue.firewall.options import (
    ADDON_MATCHES,
    ADDONS,
    ALIASES,
    GENERAL,
    IMPLIED,
    LONG_GENERAL,
    MATCHES,
    NEEDS_OPTION,
    NEEDS_PROTOCOL,
    NEVER_NEGATED,
    OTHER_VERSION,
    PROTOCOLS,
    TARGETS,
)
from rescue.firewall.ruleset import BUILT_IN, Action, Target
from rescue.firewall.targets import target

LISTING = ("-L", "-S", "-Z")
"""Commands that show rules or set counters to zero: nothing changes by them."""
COMMANDS = frozenset(["-A", "-I", "-D", "-N", "-X", "-F", "-P", "-R", "-E", *LISTING])
_BEHIND_ROUTING = ("INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_COUNTERS = compile_pattern(r"\[[^:]+:[^\]]+\]")
LONGEST_WORD = 1023
"""Characters of one word that iptables-restore takes (xshared.c)."""

NOTHING = Target(Action.CONTINUE)

_BLANKS = compile_pattern(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Command:
    """What a line asks for.

    name: "-A" and the like; chain: what it names, empty for all. bodies: conditions of the rules that a list of
    addresses stands for, at least one. position: of -I, -D and -R, 0 if not given. policy: of -P; of -E the chain's new
    name. other_version: the line is for the other IP version and counts as a comment.
    """

    name: str
    chain: str
    bodies: tuple[tuple[Condition, ...], ...] = ((),)
    target: Target = NOTHING
    position: int = 0
    policy: str = ""
    other_version: bool = False


@dataclass(slots=True)
class _Match:
    module: str
    options: list[Option] = field(default_factory=list)


def words_of(line: str) -> list[str]:
    """A line's words. Only double quotes quote, and only in them a backslash escapes (add_param_to_argv, xshared.c)."""
    if '"' in line:
        found = list(_quoted_words(line))
    elif "\t" in line or "  " in line or line[:1] == " " or line[-1:] == " ":
        found = [word for word in _BLANKS.split(line) if word]
    else:
        found = line.split(" ")
    if len(line) > LONGEST_WORD and any(len(word) > LONGEST_WORD for word in found):
        raise Refused("a word is too long")
    return found


def _quoted_words(line: str) -> Iterator[str]:
    word: list[str] = []
    quoted = escaped = False
    for char in line:
        if escaped:
            word.append(char)
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            if quoted:
                yield "".join(word)
                word = []
            quoted = not quoted
        elif char in " \t" and not quoted:
            if word:
                yield "".join(word)
                word = []
        else:
            word.append(char)
    if word:
        yield "".join(word)


_ONE_WORD = compile_pattern(r"[0-9A-Za-z.:/]+")


class LineReader:
    """Reads the lines of one table. `chains` is asked which chains exist at that point."""

    def __init__(self, version: int, table: str, chains: Collection[str], names: Names) -> None:
        self.version = version
        self.table = table
        self.chains = chains
        self.names = names

        self._known: dict[tuple[str, ...], Command] = {}
        self._texts: dict[tuple[str, str], Command] = {}

    def line(self, text: str) -> Command:
        """The command of a line. Raises Refused."""
        parts = text.split(" ", 4)
        if len(parts) < 5 or parts[0] != "-A" or parts[2] != "-s" or not _ONE_WORD.fullmatch(parts[3]):
            return self.read(words_of(text))
        key = (parts[1], parts[4])
        command = self._texts.get(key)
        if command is None:
            words = words_of(text)
            made = self.read(words)
            known = self._known.get((*words[:2], *words[4:]))
            if known is not None and words == text.split(" "):
                self._texts[key] = known
            return made
        return self._from(parts[3], command) or self.read(words_of(text))

    def _from(self, address: str, command: Command) -> Command | None:
        """A command for one source address more; None where it stands for several."""
        found = addresses(address, self.version, self.names)
        if len(found) > 1:
            return None
        source = Addresses(True, found[0])
        bodies = tuple((source, *body) for body in command.bodies)
        return Command(command.name, command.chain, bodies, command.target)

    def read(self, words: Sequence[str]) -> Command:
        """The command of a line. Raises Refused."""
        start = 1 if words and words[0].startswith("[") else 0
        if start and not _COUNTERS.fullmatch(words[0]):
            raise Refused(f"not the counters of a rule, such as [0:0]: {words[0]}")
        if len(words) > start + 4 and words[start] == "-A" and words[start + 2] == "-s":
            return self._source_first(words[start:])
        command = _Line(self, words[start:]).command()
        if command.name == "-X":
            self._known.clear()
            self._texts.clear()
        return command

    def _source_first(self, words: Sequence[str]) -> Command:
        """A line as iptables-save writes it, ``-A CHAIN -s ADDRESS ...``: the rest is read once for all addresses."""
        found = addresses(words[3], self.version, self.names)
        rest = (*words[:2], *words[4:])
        command = self._known.get(rest)
        if len(found) > 1 or (command is None and not {"-s", "--source", "--src"}.isdisjoint(rest)):
            return _Line(self, words).command()
        if command is None:
            command = self._known[rest] = _Line(self, rest).command()
        source = Addresses(True, found[0])
        bodies = tuple((source, *body) for body in command.bodies)
        return Command(command.name, command.chain, bodies, command.target)


class _Line:
    """The words of one line while they are read."""

    def __init__(self, reader: LineReader, words: Sequence[str]) -> None:
        self.reader = reader
        self.words = words
        self.at = 0
        self.name = self.chain = self.policy = ""
        self.position = 0
        self.other_version = False
        self.sources: list[AddressSet | Masked] = []
        self.destinations: list[AddressSet | Masked] = []
        self.address_negated = {"-s": False, "-d": False}
        self.said: set[str] = set()
        self.conditions: list[Condition] = []
        self.protocol = 0
        self.protocol_negated = False
        self.matches: list[_Match] = []
        self.jump = ""
        self.goto = False
        self.target_options: list[Option] = []

    def command(self) -> Command:
        negated = False
        while self.at < len(self.words) and not self.other_version:
            word = self.words[self.at]
            self.at += 1
            if word == "!":
                if negated:
                    raise Refused('"!" twice')
                negated = True
                continue
            self._word(word, negated)
            negated = False
        if self.other_version:
            return Command("", "", other_version=True)  # nothing behind the option is read any more
        if negated:
            raise Refused('"!" with nothing after it')
        if not self.name:
            raise Refused("no command, such as -A")
        return Command(self.name, self.chain, self._bodies(), self._target(), self.position, self.policy)

    def _word(self, word: str, negated: bool) -> None:
        if not word.startswith("-"):
            raise Refused(f"a word out of place: {word}")
        if word.startswith("--") and "=" in word:
            word, _, value = word.partition("=")
            self.words = [*self.words[: self.at], value, *self.words[self.at :]]
        short = ALIASES.get(word, word)
        if short in GENERAL:
            self._general(short, negated)
        elif short in COMMANDS:
            self._command(short, negated)
        else:
            self._option(word, negated)

    def _value(self, option: str) -> str:
        if self.at >= len(self.words):
            raise Refused(f"{option} needs a value")
        self.at += 1
        return self.words[self.at - 1]

    def _next_is_value(self) -> bool:
        return self.at < len(self.words) and not self.words[self.at].startswith(("-", "!"))

    # -- commands ------------------------------------------------------------------------------------------------------

    def _command(self, name: str, negated: bool) -> None:
        if negated or self.name:
            raise Refused(f"{name} is out of place")
        self.name = name
        if name not in ("-F", "-X", *LISTING) or self._next_is_value():
            self.chain = self._value(name)
        if name in ("-P", "-E"):
            self.policy = self._value(name)
        if name == "-R" and not self._next_is_value():
            raise Refused("-R needs the number of a rule")
        if name in ("-I", "-D", "-R", *LISTING) and self._next_is_value():
            self.position = number(self.words[self.at], 1 << 31)
            self.at += 1

    # -- general options -----------------------------------------------------------------------------------------------

    def _general(self, option: str, negated: bool) -> None:
        if option in ("-4", "-6"):
            self.other_version = option != f"-{self.reader.version}"
            return
        if option == "-c":
            self._counters()
            return
        if option in ("-f", "-i", "-o", "-p"):
            if option in self.said:
                raise Refused(f"{option} twice")
            self.said.add(option)
        if option == "-f":
            # No packet of the connection is a second fragment: conntrack puts them together before any rule.
            self.conditions.append(Fixed(negated))
            return
        value = self._value(option)
        match option:
            case "-s" | "-d":
                self._addresses(option, value, negated)
            case "-i" | "-o":
                self._interface(option, value, negated)
            case "-p":
                self._protocol(value, negated)
            case "-m":
                if negated:
                    raise Refused("-m can't be negated")
                self._match(value)
            case _:
                self._jump(option, value, negated)

    def _counters(self) -> None:
        packets, comma, octets = self._value("-c").partition(",")
        for text in (packets, octets if comma else self._value("-c")):
            if not (text.isascii() and text.isdigit()):
                raise Refused(f"not a counter: {text}")

    def _addresses(self, option: str, value: str, negated: bool) -> None:
        found = addresses(value, self.reader.version, self.reader.names)
        into = self.sources if option == "-s" else self.destinations
        if into:
            raise Refused(f"{option} twice")
        into.extend(found)
        self.address_negated[option] = negated

    def _interface(self, option: str, value: str, negated: bool) -> None:
        if not value or len(value) > 15:
            raise Refused(f"not the name of a network interface: {value!r}")
        wrong = ("OUTPUT", "POSTROUTING") if option == "-i" else ("INPUT", "PREROUTING")
        if self.chain in wrong:
            raise Refused(f"{option} can't be used in {self.chain}")
        self.conditions.append(Interface(option == "-i", value, negated))

    def _protocol(self, value: str, negated: bool) -> None:
        word = value.lower()
        if word.isascii() and word.isalnum() and word[0].isdigit():
            self.protocol = number(word, 255)
        elif word in PROTOCOLS:
            self.protocol = PROTOCOLS[word]
        else:
            raise Refused(f"unknown protocol: {value}")
        if negated and not self.protocol:
            raise Refused("no packet would match")
        self.protocol_negated = negated
        if self.protocol:
            self.conditions.append(TransportProtocol(self.protocol, negated))

    def _match(self, name: str) -> None:
        module = {"icmpv6": "icmp6"}.get(name, name)
        known = module in MATCHES or module in ADDON_MATCHES
        if not known or module in OTHER_VERSION[self.reader.version]:
            raise Refused(f"there is no match {name}")
        self.matches.append(_Match(module))

    def _jump(self, option: str, name: str, negated: bool) -> None:
        if negated or self.jump:
            raise Refused(f"{option} is out of place")
        if name not in self.reader.chains and (option == "-g" or (name not in TARGETS and name not in ADDONS)):
            raise Refused(f"there is no chain or target {name}")
        if name in BUILT_IN.get(self.reader.table, ()):
            raise Refused(f"no rule can jump to {name}")
        self.jump, self.goto = name, option == "-g"

    # -- the options of matches and targets ----------------------------------------------------------------------------

    def _option(self, word: str, negated: bool) -> None:
        holder, name, count = self._find(word)
        values = []
        for at in range(count):
            if at and not self._next_is_value():
                raise Refused(f"{word} needs {count} values")
            values.append(self._value(word))
        if count < 0:  # an extension that is not known: its option takes what follows
            while self._next_is_value():
                values.append(self._value(word))
        into = self.target_options if holder is None else holder.options
        name = ALIASES.get(name, name)
        if negated and (holder is None or name in NEVER_NEGATED.get(holder.module, ())):
            raise Refused(f"{word} can't be negated")
        if any(option.name == name for option in into) and (holder is None or holder.module != "policy"):
            raise Refused(f"{word} twice")
        into.append(Option(name, tuple(values), negated))

    def _find(self, word: str) -> tuple[_Match | None, str, int]:
        """The match that takes the option (None for the target), its full name and how many values it takes."""
        found = self._lookup(word, exact=True)
        if not found and word.startswith("--") and len(word) > 3:
            found = self._lookup(word, exact=False)
            if len({name for _, name, _ in found}) > 1 or any(full.startswith(word) for full in LONG_GENERAL):
                raise Refused(f"ambiguous option: {word}")
        if found:
            return found[0]
        for use in reversed(self.matches):
            if use.module not in MATCHES:
                return use, word, -1
        if self.jump in ADDONS and self.jump not in self.reader.chains:
            return None, word, -1
        implied = IMPLIED.get(self.protocol)
        if implied and not self.protocol_negated and all(use.module != implied for use in self.matches):
            self.matches.append(_Match(implied))
            return self._find(word)
        raise Refused(f"unknown option: {word}")

    def _lookup(self, word: str, *, exact: bool) -> list[tuple[_Match | None, str, int]]:
        specs: list[tuple[_Match | None, Mapping[str, int]]] = [
            (use, MATCHES.get(use.module, {})) for use in reversed(self.matches)
        ]
        if self.jump in TARGETS and self.jump not in self.reader.chains:
            specs.append((None, TARGETS[self.jump]))
        if exact:
            return [(use, word, spec[word]) for use, spec in specs if word in spec][:1]
        return [(use, name, count) for use, spec in specs for name, count in spec.items() if name.startswith(word)]

    # -- what comes of it ----------------------------------------------------------------------------------------------

    def _bodies(self) -> tuple[tuple[Condition, ...], ...]:
        common = list(self.conditions)
        opens = self.jump in ("ACCEPT", "RETURN") or self.jump in self.reader.chains
        for use in self.matches:
            self._check(use)
            common += conditions(use.module, use.options, self.reader.version, self.reader.names, opens)
        if max(len(self.sources), len(self.destinations)) > 1 and any(self.address_negated.values()):
            raise Refused('"!" with a list of addresses')
        sources = [[self._side(found, True)] for found in self.sources] or [[]]
        destinations = [[self._side(found, False)] for found in self.destinations] or [[]]
        return tuple((*one, *other, *common) for one, other in product(sources, destinations))

    def _side(self, found: AddressSet | Masked, source: bool) -> Condition:
        negated = self.address_negated["-s" if source else "-d"]
        if isinstance(found, AddressSet):
            return Addresses(source, ~found if negated else found)
        return Addresses(source, found, negated)

    def _check(self, use: _Match) -> None:
        if use.module in NEEDS_OPTION and not use.options:
            raise Refused(f"the match {use.module} needs an option")
        needed = NEEDS_PROTOCOL.get(use.module)
        if needed and (self.protocol not in needed or self.protocol_negated):
            raise Refused(f"the match {use.module} needs its protocol: -p")
        check_values(use.module, {option.name: option for option in use.options}, self.reader.version)
        if use.module == "owner" and self.chain in ("INPUT", "PREROUTING", "FORWARD"):
            raise Refused(f"the match owner can't be used in {self.chain}")
        if use.module == "rpfilter" and (self.reader.table not in ("raw", "mangle") or self.chain in _BEHIND_ROUTING):
            raise Refused("the match rpfilter can only be used in PREROUTING of the tables raw and mangle")

    def _target(self) -> Target:
        if not self.jump:
            return NOTHING
        if self.jump in self.reader.chains:
            return Target(Action.GOTO if self.goto else Action.JUMP, self.jump)
        clamps = any(option.name == "--clamp-mss-to-pmtu" for option in self.target_options)
        if clamps and self.chain in ("INPUT", "PREROUTING"):
            raise Refused(f"TCPMSS can't clamp to the path's size in {self.chain}")
        sets = self.reader.names.sets
        if self.jump == "SET" and sets is not None:
            for option in self.target_options:
                if option.name in ("--add-set", "--del-set", "--map-set") and option.values[0] not in sets.sets:
                    raise Refused(f"there is no ipset {option.values[0]!r}")
        tcp = self.protocol == 6 and not self.protocol_negated
        return target(self.jump, self.target_options, self.reader.table, self.reader.version, tcp)
