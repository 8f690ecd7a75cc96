"""What a jail of fail2ban does with an address: for which ports, and how the address sees it.

An action is a file of commands with tags: "<iptables> -I f2b-<name> 1 -s <ip> -j <blocktype>". The tags are put in as
fail2ban does it (substituteRecursiveTags of helpers.py); then the commands say by themselves whether they keep
somebody out of this server (and do not just send a mail), whether the jail's ports matter to them, and whether
they answer. Nothing is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.bans.fail2ban_config import Config, ConfigError
from rescue.model import Symptom
from rescue.tree import Tree

MOST_TAGS, LONGEST = 100, 1 << 14
"""Different tags that are put into one text, and characters that it may get by that."""

MOST_ACTIONS = 1000
"""Actions of all jails together."""

_TAG = compile_pattern(r"<([^ <>]+)>")
_OPTION = compile_pattern(r"""\s*([\w.-]+)=(?:"([^"]*)"|'([^']*)'|([^,\]]*))""")

_HOSTS = compile_pattern(r"hosts\.(deny|allow)")
_FILTERS = compile_pattern(
    r"(?:^|[\s;&|({/$])(?:ip6?tables|nft|ipset|firewall-cmd|ufw|shorewall6?|ip\s+(?:-[46]\s+)?route|route|apf|csf|pfctl)\s"
)
_MANAGERS = (("firewalld", compile_pattern(r"\bfirewall-cmd\s")), ("ufw", compile_pattern(r"\bufw\s")))
_REJECTS = compile_pattern(r"\breject\b", IGNORECASE)
_PASSES = compile_pattern(r"^(RETURN|ACCEPT)\b")
"""Jails such as pass2allow-ftp let in whom they "ban"."""
_ROUTE = compile_pattern(r"prohib|host-unreach|net-unreach|no-route", IGNORECASE)
_OTHER_CHAINS = compile_pattern(r"(FORWARD|DOCKER(-[\w-]+)?|OUTPUT|POSTROUTING)", IGNORECASE)


@dataclass(frozen=True, slots=True)
class Keeping:
    """How one action keeps an address out. ports: fail2ban's words for them; None for all ports. needs: the firewall
    that has to be on for it ("ufw", "firewalld"), empty for none."""

    name: str
    ports: str | None
    symptom: Symptom
    needs: str = ""


class Actions:
    """The actions of a tree, each of which is read once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[str, Config] = {}
        self._left = MOST_ACTIONS

    def keepings(self, actions: str, jail: str) -> Iterator[Keeping]:
        """How the `actions` of the named jail block addresses after a restart. Raises ConfigError."""
        for name, options in split_actions(actions):
            self._left -= 1
            if self._left < 0:
                raise ConfigError("the jails have too many actions")
            if not name.endswith(".py"):
                yield from _keeping(self._config(name), name, {"name": jail, **options})

    def _config(self, name: str) -> Config:
        if name not in self._known:
            self._known[name] = Config(self._tree, f"action.d/{name}")
        if not self._known[name].sections:
            raise ConfigError(f"there is no action {name!r}")
        return self._known[name]


def _keeping(config: Config, name: str, options: Mapping[str, str]) -> Iterator[Keeping]:
    tags = _Tags(config, options)
    if tags.value("norestored").strip().lower() in ("1", "true", "yes", "on"):
        return
    if tags.filled("<protocol>").strip().lower() == "udp" or _OTHER_CHAINS.fullmatch(tags.filled("<chain>").strip()):
        return
    ban, start = tags.filled(tags.value("actionban")), tags.filled(tags.value("actionstart"))
    if _HOSTS.search(ban):
        yield Keeping(name, None, Symptom.CLOSED)
    elif _FILTERS.search(ban):
        by_port = _PORT in ban or _PORT in start
        how = next((text for tag in _ANSWERS if (text := tags.filled(f"<{tag}>")) != f"<{tag}>"), ban)
        if not _PASSES.search(how):
            needs = next((manager for manager, word in _MANAGERS if word.search(ban)), "")
            yield Keeping(name, tags.filled(_PORT, itself=True) if by_port else None, _symptom(how), needs)


_PORT = "<port>"
_ANSWERS = ("blocktype", "rich-blocktype")
"""The tags of fail2ban's own actions that say with what an address is turned away."""


def _symptom(how: str) -> Symptom:
    """The symptom of "REJECT --reject-with icmp-port-unreachable", "DROP", "reject", "blackhole" and the like."""
    if _REJECTS.search(how):
        return Symptom.UNREACHABLE if _ROUTE.search(how) else Symptom.REFUSED
    return Symptom.TIMED_OUT


class _Tags:
    """The tags of one action in one jail."""

    def __init__(self, config: Config, options: Mapping[str, str]) -> None:
        self._config = config
        self._options = options

    def value(self, name: str) -> str:
        """A tag's raw value: the jail's own word for it, else that of [Init], else of [Definition]."""
        if name in self._options:
            return self._options[name]
        for section in ("Init", "Definition"):
            if name in self._config.own(section):
                return self._config.get(section, name)
        other, slash, option = name.partition("/")
        if slash and option in self._config.own(other):
            return self._config.get(other, option)
        if other == "known" and option in self._config.own("Init"):
            return self._config.get("Init", option)
        return ""

    def filled(self, text: str, *, itself: bool = False) -> str:
        """`text` with its tags put in, but for <port>, which shows whether ports matter, unless it is asked for."""
        for _ in range(MOST_TAGS):
            found = next((tag for tag in _TAG.finditer(text) if self._known(tag.group(1), itself)), None)
            if found is None:
                return text
            value = self.value(found.group(1))
            if len(text) + text.count(found.group()) * len(value) > LONGEST:
                break
            text = text.replace(found.group(), value)
        raise ConfigError(f"the tags of the action {self._config.name!r} refer to each other")

    def _known(self, tag: str, itself: bool) -> bool:
        if tag == "port" and not itself:
            return False
        section, slash, option = tag.partition("/")
        own = self._config.own
        return (
            tag in self._options
            or tag in own("Definition")
            or tag in own("Init")
            or bool(slash and (option in own(section) or (section == "known" and option in own("Init"))))
        )


def split_actions(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The actions of a jail, each with its options: "iptables[port=ssh, blocktype=DROP] sendmail"."""
    at, end = 0, len(text)
    while at < end:
        if text[at].isspace():
            at += 1
            continue
        start = at
        while at < end and not text[at].isspace() and text[at] != "[":
            at += 1
        name, options = text[start:at], dict[str, str]()
        opening = at
        while opening < end and text[opening].isspace():
            opening += 1
        while opening < end and text[opening] == "[":
            close = _closing(text, opening)
            options.update(_options(text[opening + 1 : close]))
            at = opening = close + 1
            while opening < end and text[opening].isspace():
                opening += 1
        if name:
            yield name, options
        elif at == start:
            at += 1


def _closing(text: str, opening: int) -> int:
    """Where the bracket that opens there is closed: not within quotes."""
    quote = ""
    for at in range(opening + 1, len(text)):
        if quote:
            quote = "" if text[at] == quote else quote
        elif text[at] in "\"'" and text[at - 1] == "=":
            quote = text[at]
        elif text[at] == "]":
            return at
    return len(text)


def _options(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while found := _OPTION.match(text, at):
        value = next(each for each in found.group(2, 3, 4) if each is not None)
        yield found.group(1), value.strip()
        comma = text.find(",", found.end())
        if comma < 0:
            return
        at = comma + 1
