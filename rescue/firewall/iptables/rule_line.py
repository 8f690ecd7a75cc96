"""One line of a rules file, parsed as by iptables-restore(8): a command, or the reason why it is rejected."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from re import ASCII
from re import compile as compile_pattern

from rescue.firewall.engine.addresses import AddressSet, Masked
from rescue.firewall.engine.conditions import Addresses, Condition, Fixed, Interface, TransportProtocol
from rescue.firewall.engine.ruleset import BUILT_IN, Action, RuleTarget
from rescue.firewall.iptables.extension_values import check_values
from rescue.firewall.iptables.given import Place
from rescue.firewall.iptables.matches import conditions
from rescue.firewall.iptables.option_values import Option, addresses, number, protocol_number, tcp_flags
from rescue.firewall.iptables.options import (
    ADDON_MATCHES,
    ADDONS,
    ALIASES,
    BASE,
    IMPLIED,
    MATCHES,
    NEEDS_PROTOCOL,
    NEVER_NEGATED,
    OTHER_VERSION,
    TARGETS,
    TARGETS_OF_OTHER_VERSION,
)
from rescue.firewall.iptables.places import Limit, check_table, hooks_of_match, hooks_of_target
from rescue.firewall.iptables.targets import target
from rescue.firewall.names import Names, RuleError

LISTING = ("-L", "-S", "-Z")
"""Commands that list rules or reset counters: they change nothing."""
COMMANDS = frozenset(["-A", "-C", "-I", "-D", "-N", "-X", "-F", "-P", "-R", "-E", *LISTING])
_COUNTERS = compile_pattern(r"\[:*[^:]+:\]*[^\]]+\]")
LONGEST_WORD = 1023
"""The maximum length of one word for iptables-restore (xshared.c)."""

LONGEST_NAME = 28
"""The maximum length of a chain's name (XT_EXTENSION_MAXNAMELEN)."""

_SPACE = " \t\n\v\f\r"

NOTHING = RuleTarget(Action.CONTINUE)

_BLANKS = compile_pattern(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class IptablesCommand:
    """The command of a line.

    name: "-A" and the like; chain: the chain that it names, empty for all. bodies: the conditions of the rules that an
    address list expands to, at least one. position: for -I, -D and -R, 0 if not given. policy: for -P; for -E the
    chain's new name. other_version: the line is for the other IP version and counts as a comment. limits: the built-in
    chains from which its extensions can be reached.
    """

    name: str
    chain: str
    bodies: tuple[tuple[Condition, ...], ...] = ((),)
    target: RuleTarget = NOTHING
    position: int = 0
    policy: str = ""
    other_version: bool = False
    limits: tuple[Limit, ...] = ()


@dataclass(slots=True)
class _Match:
    module: str
    options: list[Option] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An extension with known options; module: the match, "" for the target."""

    module: str
    options: Mapping[str, int]


_Found = tuple[_Match | None, str, int]
"""The match that an option belongs to (None for the target), its full name and number of values."""

_OFTEN = frozenset(["--reqid", "--spi", "--tunnel-src", "--tunnel-dst", "--proto", "--mode", "--next"])
_RATES = frozenset(f"--rateest-{unit}{at}" for unit in ("bps", "pps") for at in ("", "1", "2"))


def _usual(name: str, options: Mapping[str, int]) -> str:
    """The usual spelling of an extension's option."""
    other = ALIASES.get(name, name)
    return other if other in options else name


def is_target(name: str, version: int) -> bool:
    """Whether a target has this name: then no chain can have it."""
    return name in STANDARD or (name in TARGETS and name not in TARGETS_OF_OTHER_VERSION[version])


def check_chain_name(name: str) -> None:
    """Raises RuleError if no chain can have this name."""
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > LONGEST_NAME or name.startswith(("-", "!")) or any(char in _SPACE for char in name):
        raise RuleError(f"not a chain's name: {name!r}")


def words_of(line: str) -> list[str]:
    """A line's words. Only double quotes quote, and a backslash escapes only inside (add_param_to_argv, xshared.c)."""
    if line.startswith("["):
        if not _COUNTERS.match(line):
            raise RuleError(f"not the counters of a rule, such as [0:0]: {line.partition(' ')[0]}")
        line = line[line.index("]") + 1 :]
    if '"' in line:
        found = list(_quoted_words(line))
    elif "\t" in line or "  " in line or line[:1] == " " or line[-1:] == " ":
        found = [word for word in _BLANKS.split(line) if word]
    else:
        found = line.split(" ")
    if len(line) > LONGEST_WORD and any(len(word) > LONGEST_WORD for word in found):
        raise RuleError("a word is too long")
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
    if quoted:
        word.append("\n")  # the end of the line is inside an unclosed quotation
    if word:
        yield "".join(word)


_ONE_WORD = compile_pattern(r"[0-9A-Za-z.:/]{1,100}")


class LineReader:
    """Parses the lines of one table. `chains` says which chains exist at that point."""

    def __init__(self, version: int, table: str, chains: Collection[str], names: Names, backend: str = "nft") -> None:
        self.version = version
        self.table = table
        self.chains = chains
        self.names = names
        self.backend = backend
        self._known: dict[tuple[str, ...], IptablesCommand] = {}
        self.asked: dict[tuple[str, tuple[Option, ...], bool, int, bool], tuple[list[Condition], list[Limit]]] = {}
        self._texts: dict[tuple[str, str], IptablesCommand] = {}

    def line(self, text: str) -> IptablesCommand:
        """The command of a line. Raises RuleError."""
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

    def _from(self, address: str, command: IptablesCommand) -> IptablesCommand | None:
        """A command with one more source address; None if it expands to several rules."""
        found = addresses(address, self.version, self.names)
        if len(found) > 1:
            return None
        return self._with_source(found[0], command)

    def read(self, words: Sequence[str]) -> IptablesCommand:
        """The command of a line. Raises RuleError."""
        if len(words) > 4 and words[0] == "-A" and words[2] == "-s":
            return self._source_first(words)
        command = _Line(self, words).command()
        if command.name in ("-X", "-E"):
            self._known.clear()
            self._texts.clear()
        return command

    def _source_first(self, words: Sequence[str]) -> IptablesCommand:
        """A line as iptables-save writes it, ``-A CHAIN -s ADDRESS ...``: the rest is parsed once for all addresses."""
        found = addresses(words[3], self.version, self.names)
        rest = (*words[:2], *words[4:])
        command = self._known.get(rest)
        if len(found) > 1 or (command is None and not {"-s", "--source", "--src"}.isdisjoint(rest)):
            return _Line(self, words).command()
        if command is None:
            command = self._known[rest] = _Line(self, rest).command()
        return self._with_source(found[0], command)

    @staticmethod
    def _with_source(found: AddressSet | Masked, command: IptablesCommand) -> IptablesCommand:
        if command.other_version:
            return command
        source = Addresses(True, found)
        bodies = tuple((source, *body) for body in command.bodies)
        return IptablesCommand(command.name, command.chain, bodies, command.target, limits=command.limits)


_NEEDS_VALUE = frozenset("ACDEINPRMcdgijmopst")
_MAY_HAVE_VALUE = frozenset("FLSXZwWh")
_NO_VALUE = frozenset("46Vbfnvx0")
"""The short options by whether they take a value (IPT_OPTSTRING in xshared.h); 0 stands for --line-numbers."""

_LISTED = frozenset("sdpijocfnx0")
"""The options that not every command allows."""

_WITH = {
    **dict.fromkeys(("-A", "-I", "-R"), frozenset("sdpijocf")),
    **dict.fromkeys(("-D", "-C"), frozenset("sdpijof")),
    "-P": frozenset("c"),
    "-L": frozenset("nx0"),
}
"""Those of them that a command allows (commands_v_options in xshared.c)."""

REMEMBERED = 1000
"""How many conditions of matches are cached: rules share most of theirs."""

_LIMITS = frozenset(["limit", "hashlimit", "quota"])
"""The matches that remember the packets that they have seen, separately for each rule."""

_OF_NAT = frozenset(["SNAT", "DNAT", "REDIRECT", "MASQUERADE"])
"""The targets that check the protocol while parsed: it must come before them."""

_NEGATED = frozenset("sdpiof")
_ON_RULES = ("-A", "-D", "-C", "-I", "-R")
STANDARD = frozenset(["ACCEPT", "DROP", "QUEUE", "RETURN"])
_COUNTER = compile_pattern(r"\s*[-+]?[0-9].*", ASCII)


class _Line:
    """Parses the words of one line, like getopt_long(3) and do_parse() in xshared.c."""

    def __init__(self, reader: LineReader, words: Sequence[str]) -> None:
        self.reader = reader
        self.words = words
        self.at = 0
        self.name = self.chain = self.policy = ""
        self.position = 0
        self.other_version = False
        self.sources: list[AddressSet | Masked] = []
        self.destinations: list[AddressSet | Masked] = []
        self.address_negated = {"s": False, "d": False}
        self.said: set[str] = set()
        self.conditions: list[Condition] = []
        self.protocol = 0
        self.protocol_negated = False
        self.matches: list[_Match] = []
        self.loaded: list[_Loaded] = []
        self.implied = False
        self.jump = ""
        self.goto = False
        self.target_options: list[Option] = []
        self.protocol_of_target = 0

    def command(self) -> IptablesCommand:
        negated = False
        while self.at < len(self.words) and not self.other_version:
            word = self.words[self.at]
            self.at += 1
            if word == "!":
                if negated:
                    raise RuleError('"!" twice')
                negated = True
                continue
            if word == "--":
                break
            self._word(word, negated)
            negated = False
        if self.other_version:
            return IptablesCommand("", "", other_version=True)  # nothing after the option is parsed any more
        if self.at < len(self.words):
            raise RuleError(f"a word out of place: {self.words[self.at]}")
        if negated:
            raise RuleError('"!" with nothing after it')
        if not self.name:
            raise RuleError("no command, such as -A")
        self._check_command()
        bodies, limits = self._bodies()
        target = self._target(limits)
        return IptablesCommand(self.name, self.chain, bodies, target, self.position, self.policy, limits=tuple(limits))

    def _word(self, word: str, negated: bool) -> None:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            found = self._find(name)
            if isinstance(found, str):
                self._base(found, value if equals else None, word, negated)
            else:
                self._option(found, name, value if equals else None, negated)
        elif len(word) == 2 and word[0] == "-" and word[1] in _NEEDS_VALUE:
            self._base(word[1], None, word, negated)
        elif len(word) > 1 and word.startswith("-"):
            for at, char in enumerate(word[1:], start=2):
                if char in _NO_VALUE and char != "0":
                    self._base(char, None, word, negated)
                elif char in _NEEDS_VALUE or char in _MAY_HAVE_VALUE:
                    self._base(char, word[at:] or None, word, negated)
                    return
                else:
                    raise RuleError(f"unknown option: {word}")
        else:
            raise RuleError(f"a word out of place: {word}")

    def _value(self, option: str) -> str:
        if self.at >= len(self.words):
            raise RuleError(f"{option} needs a value")
        self.at += 1
        return self.words[self.at - 1]

    def _next_is_value(self) -> bool:
        return self.at < len(self.words) and not self.words[self.at].startswith(("-", "!"))

    # -- the options that every rule knows -----------------------------------------------------------------------------

    def _base(self, char: str, value: str | None, word: str, negated: bool) -> None:
        """Process a short option, or its long form. value: the part attached to it, in the word `word`."""
        option = f"-{char}"
        if value is not None and char in _NO_VALUE:
            raise RuleError(f"unknown option: {word}")
        whole = word
        if value is None and char in _NEEDS_VALUE:
            value = whole = self._value(option)
        if char in "46":
            self.other_version = char != str(self.reader.version)
        elif char == "m":
            if negated:
                raise RuleError("-m can't be negated")
            self._match(value or "")
        elif char in _LISTED or char == "g":
            self._listed(char, value or "", whole, negated)
        elif option in COMMANDS:
            self._command(option, value, negated)
        elif char not in "vM":  # -t, -w, -W, -b: not in a file; -h and -V end it
            raise RuleError(f"{option} can't be used in a file of rules")

    def _listed(self, char: str, value: str, whole: str, negated: bool) -> None:
        """whole: the word with the value, which most of these options use."""
        once = "j" if char == "g" else char
        if once in self.said:
            raise RuleError(f"-{char} twice")
        self.said.add(once)
        if negated and char not in _NEGATED:
            raise RuleError(f"-{char} can't be negated")
        match char:
            case "f":
                if self.reader.version == 6:
                    raise RuleError("-f is for IPv4 alone")
                # No packet of the connection is a later fragment: conntrack reassembles them before any rule.
                self.conditions.append(Fixed(negated))
            case "s" | "d":
                into = self.sources if char == "s" else self.destinations
                into.extend(addresses(whole, self.reader.version, self.reader.names))
                self.address_negated[char] = negated
            case "i" | "o":
                if not value or len(whole.encode("utf-8", "surrogateescape")) > 15:
                    raise RuleError(f"not the name of a network interface: {whole!r}")
                self.conditions.append(Interface(char == "i", whole, negated))
            case "p":
                self._protocol(whole, negated)
            case "j":
                self._jump(whole)
            case "g":
                self._go_to(value)
            case "c":
                self._counters(value)

    def _counters(self, value: str) -> None:
        at = value.find(",", 1)
        octets = value[at + 1 :] if at > 0 else self._value("-c") if self._next_is_value() else ""
        for text in (value, octets):
            if not _COUNTER.fullmatch(text):
                raise RuleError(f"not a counter: {text}")

    def _protocol(self, value: str, negated: bool) -> None:
        self.protocol = protocol_number(value.lower())
        if negated and not self.protocol:
            raise RuleError("no packet would match")
        self.protocol_negated = negated
        if self.protocol:
            self.conditions.append(TransportProtocol(self.protocol, negated))

    def _match(self, name: str) -> None:
        module = {"icmpv6": "icmp6", "ipv6-icmp": "icmp6"}.get(name, name)
        known = module in MATCHES or module in ADDON_MATCHES
        if not known or module in OTHER_VERSION[self.reader.version]:
            raise RuleError(f"there is no match {name}")
        self._load(module)

    def _load(self, module: str) -> None:
        """Load a match: its options take precedence over those of matches loaded earlier."""
        if all(each.module != module for each in self.matches):
            options = MATCHES.get(module, {})
            if module == "ah" and self.reader.version == 4:
                options = {"--ahspi": options["--ahspi"]}
            self.loaded.insert(0, _Loaded(module, options))
        self.matches.append(_Match(module))

    def _jump(self, name: str) -> None:
        if not name or len(name) > LONGEST_NAME or any(char in _SPACE for char in name):
            raise RuleError(f"there is no chain or target {name}")
        target = name in TARGETS or name in ADDONS or name in STANDARD
        if name in TARGETS_OF_OTHER_VERSION[self.reader.version]:
            target = False
        if not target and name not in self.reader.chains:
            raise RuleError(f"there is no chain or target {name}")
        if name in BUILT_IN.get(self.reader.table, ()):
            raise RuleError(f"no rule can jump to {name}")
        self.jump = name
        if target and name not in self.reader.chains:
            self.loaded.insert(0, _Loaded("", TARGETS.get(name, {})))

    def _go_to(self, name: str) -> None:
        if name not in self.reader.chains:
            raise RuleError(f"there is no chain {name}")
        if name in BUILT_IN.get(self.reader.table, ()):
            raise RuleError(f"no rule can jump to {name}")
        self.jump, self.goto = name, True

    # -- commands ------------------------------------------------------------------------------------------------------

    def _command(self, name: str, value: str | None, negated: bool) -> None:
        if negated or (self.name and not (self.name in LISTING and name in LISTING)):
            raise RuleError(f"{name} is out of place")
        self.name = name
        if value is None and self._next_is_value():
            value = self._value(name)
        self.chain = value or ""
        if name == "-N":
            self._check_new(self.chain)
        if name in ("-P", "-E"):
            if not self._next_is_value():
                raise RuleError(f"{name} needs two words")
            self.policy = self._value(name)
        if name == "-R" and not self._next_is_value():
            raise RuleError("-R needs the number of a rule")
        if name in ("-I", "-D", "-R", *LISTING) and self._next_is_value():
            self.position = number(self._value(name), (1 << 31) - 1)
            if not self.position:
                raise RuleError("there is no rule 0")

    def _check_new(self, name: str) -> None:
        check_chain_name(name)
        if is_target(name, self.reader.version):
            raise RuleError(f"{name} is the name of a target, and can't be that of a chain")

    def _check_command(self) -> None:
        """Check the line as a whole."""
        takes = _WITH.get(self.name, frozenset())
        if self.name == "-D" and self.position:
            takes = frozenset()
        if wrong := sorted((self.said & _LISTED) - takes):
            raise RuleError(f"-{wrong[0]} can't be used with {self.name}")
        if self.reader.table == "nat" and "DROP" in (self.policy, self.jump):
            raise RuleError("DROP can't be used in the table nat")
        if self.name == "-R" and (len(self.sources) > 1 or len(self.destinations) > 1):
            raise RuleError("a rule can be replaced by one alone")
        if len(self.chain) > LONGEST_NAME:
            raise RuleError(f"not a chain's name: {self.chain!r}")
        if self.name in _ON_RULES:
            if "o" in self.said and self.chain in ("INPUT", "PREROUTING"):
                raise RuleError(f"-o can't be used in {self.chain}")
            if "i" in self.said and self.chain in ("OUTPUT", "POSTROUTING"):
                raise RuleError(f"-i can't be used in {self.chain}")

    # -- the options of matches and targets ----------------------------------------------------------------------------

    def _option(self, found: _Found, word: str, value: str | None, negated: bool) -> None:
        holder, name, count = found
        if value is not None and not count:
            raise RuleError(f"unknown option: {word}={value}")
        values = [] if value is None else [value]
        while len(values) < count:
            if values and not self._next_is_value():
                raise RuleError(f"{word} needs {count} values")
            values.append(self._value(word))
        if count < 0 or (name in _RATES and self._next_is_value()):
            # An unknown extension: its option takes what follows. So may some of rateest's.
            while self._next_is_value():
                values.append(self._value(word))
                if count == 0:
                    break
        into = self.target_options if holder is None else holder.options
        name = _usual(name, MATCHES.get(holder.module, {}) if holder else TARGETS.get(self.jump, {}))
        if negated and (holder is None or name in NEVER_NEGATED.get(holder.module, ())):
            raise RuleError(f"{word} can't be negated")
        if any(option.name == name for option in into) and not (
            holder is not None and holder.module == "policy" and name in _OFTEN
        ):
            raise RuleError(f"{word} twice")
        if holder is None:
            self.protocol_of_target = self.protocol
        into.append(Option(name, tuple(values), negated))

    def _find(self, word: str) -> str | _Found:
        """Resolve the long option `word`: a common one, by its letter, or one of an extension."""
        if word in BASE:
            return BASE[word][1:]
        found: dict[tuple[str, str], str | _Found] = {}
        for each in self.loaded:
            if word in each.options:
                return self._held(each.module, word, each.options[word])
        for name, short in BASE.items():
            if short == "-f" and self.reader.version == 6 and self.reader.backend == "legacy":
                continue  # the only program that does not know it
            if name.startswith(word):
                found["", short] = short[1:]
        for each in self.loaded:
            for name, count in each.options.items():
                if name.startswith(word):
                    found[each.module or "-", _usual(name, each.options)] = self._held(each.module, name, count)
        if len(found) == 1:
            return next(iter(found.values()))
        for use in reversed(self.matches):
            if use.module not in MATCHES:
                return use, word, -1
        if self.jump in ADDONS and self.jump not in self.reader.chains:
            return None, word, -1
        implied = IMPLIED.get(self.protocol)
        if implied and not self.implied and implied not in OTHER_VERSION[self.reader.version]:
            self.implied = True
            if all(use.module != implied for use in self.matches):
                self._load(implied)
                return self._find(word)
        raise RuleError(f"ambiguous option: {word}" if found else f"unknown option: {word}")

    def _held(self, module: str, name: str, count: int) -> _Found:
        if not module:
            return None, name, count
        return next(use for use in reversed(self.matches) if use.module == module), name, count

    # -- results -------------------------------------------------------------------------------------------------------

    def _place(self, protocol: int) -> Place:
        reader = self.reader
        return Place(reader.version, reader.table, reader.names, protocol, self.protocol_negated, reader.backend)

    def _bodies(self) -> tuple[tuple[tuple[Condition, ...], ...], list[Limit]]:
        common = list(self.conditions)
        limits: list[Limit] = []
        opens = self.jump in ("ACCEPT", "RETURN") or self.jump in self.reader.chains
        place = self._place(self.protocol)
        asked = self.reader.asked
        for use in self.matches:
            key = (use.module, tuple(use.options), opens, self.protocol, self.protocol_negated)
            known = asked.get(key)
            if known is None:
                known = self._of_match(use, place, opens)
                if len(asked) < REMEMBERED and use.module not in _LIMITS:
                    asked[key] = known
            common += known[0]
            limits += known[1]
        if max(len(self.sources), len(self.destinations)) > 1 and any(self.address_negated.values()):
            raise RuleError('"!" with a list of addresses')
        sources = [[self._side(found, True)] for found in self.sources] or [[]]
        destinations = [[self._side(found, False)] for found in self.destinations] or [[]]
        return tuple((*one, *other, *common) for one, other in product(sources, destinations)), limits

    def _of_match(self, use: _Match, place: Place, opens: bool) -> tuple[list[Condition], list[Limit]]:
        own = bool(use.options) and all(option.name != "--tcp-option" for option in use.options)
        self._check_protocol(use.module, place, own=own)
        if use.module in MATCHES:
            check_values(use.module, use.options, place)
        limits = list(hooks_of_match(use.module, use.options, self.reader.table))
        name = ""
        if use.module in _LIMITS:
            name = " ".join(word for word in self.words if word not in (self.name, self.chain))
        return conditions(use.module, use.options, self.reader.version, self.reader.names, opens, name), limits

    def _side(self, found: AddressSet | Masked, source: bool) -> Condition:
        negated = self.address_negated["s" if source else "d"]
        if isinstance(found, AddressSet):
            return Addresses(source, ~found if negated else found)
        return Addresses(source, found, negated)

    def _is_for_syn(self) -> bool:
        """Whether a match on TCP flags asks for SYN."""
        return any(
            not option.negated and (option.name == "--syn" or "SYN" in tcp_flags(option.values[1]))
            for use in self.matches
            for option in use.options
            if use.module == "tcp" and option.name in ("--syn", "--tcp-flags")
        )

    def _check_protocol(self, name: str, place: Place, *, own: bool = False) -> None:
        """own: the nftables backend needs no kernel module for it."""
        if name == "ah" and place.version == 6:
            return  # ip6t_ah looks for the header itself
        needed = NEEDS_PROTOCOL.get(name)
        if name in ("tcp", "udp") and self.reader.backend == "nft" and place.protocol in (needed or ()) and own:
            return  # the backend translates them into its own expressions, negated like the protocol
        if needed and place.only not in needed:
            raise RuleError(f"{name} needs its protocol before it: -p")

    def _target(self, limits: list[Limit]) -> RuleTarget:
        if not self.jump:
            return NOTHING
        if self.jump in self.reader.chains:
            return RuleTarget(Action.GOTO if self.goto else Action.JUMP, self.jump)
        place = self._place(self.protocol_of_target)
        self._check_protocol(self.jump, self._place(self.protocol))
        if self.jump in TARGETS:
            check_values(self.jump, self.target_options, place if self.jump in _OF_NAT else self._place(self.protocol))
        if self.jump == "TRACE" and self.reader.backend == "legacy":
            check_table("TRACE of the legacy iptables", self.reader.table)
        if self.jump == "TCPMSS" and self.reader.backend == "legacy" and not self._is_for_syn():
            raise RuleError("TCPMSS needs --syn, or --tcp-flags with SYN")
        limits += hooks_of_target(self.jump, self.target_options)
        sets = self.reader.names.sets
        if self.jump == "SET" and sets is not None:
            for option in self.target_options:
                if option.name in ("--add-set", "--del-set", "--map-set") and option.values[0] not in sets.sets:
                    raise RuleError(f"there is no ipset {option.values[0]!r}")
        tcp = self.protocol == 6 and not self.protocol_negated
        return target(self.jump, self.target_options, self.reader.table, self.reader.version, tcp)
