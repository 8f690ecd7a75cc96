"""ufw: what its start-up script loads into the kernel, from its files.

The load order is that of ufw_start() in /lib/ufw/ufw-init-functions (0.36): built-in chains get their jumps and ufw's
own chains first; then before.rules, after.rules and user.rules load, each all or nothing, and the jump to the user's
chain is added last; the policy is set at the end, even if a file failed to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.firewall.engine.oversized import too_many, unread_ruleset
from rescue.firewall.engine.ruleset import Firewall, LoadProblem, Ruleset
from rescue.firewall.iptables.load import Loader
from rescue.firewall.names import Names
from rescue.formats.shell_assignments import Settings, read_settings
from rescue.model import Location
from rescue.tree import RULES_LIMIT, Read, Tree

READS = (
    Read("/etc/default/ufw"),
    Read("/etc/ufw", depth=2, limit=RULES_LIMIT),
    Read("/lib/ufw", depth=1, limit=RULES_LIMIT),
)
"""What the server supplies to ufw's rules."""

DEFAULTS = PurePosixPath("/etc/default/ufw")
CONFIG = PurePosixPath("/etc/ufw/ufw.conf")
SCRIPT = PurePosixPath("/lib/ufw/ufw-init-functions")

DIRECTIONS = ("input", "output", "forward")


def settings(tree: Tree) -> Settings | None:
    """ufw's settings; None if one of the two files is missing or empty, where ufw-init stops."""
    tree.require(*READS)
    texts = [(path, tree.text(path)) for path in (DEFAULTS, CONFIG)]
    if any(not text for _, text in texts):
        return None
    return read_settings((path, text) for path, text in texts if text)


def enabled(found: Settings | None) -> bool:
    """Whether ufw-init loads anything: ENABLED must be exactly "yes" or "YES"."""
    return found is not None and found.stopped is None and found.get("ENABLED") in ("yes", "YES")


def ipv6(found: Settings) -> bool:
    """Whether ufw has rules for IPv6; otherwise it blocks all of IPv6."""
    return found.get("IPV6") in ("yes", "YES")


def user_rules(tree: Tree, version: int) -> PurePosixPath:
    """The file of the rules that the command ``ufw`` writes: in /lib/ufw until ufw 0.34, in /etc/ufw since."""
    name = "user.rules" if version == 4 else "user6.rules"
    old = PurePosixPath("/lib/ufw") / name
    new = PurePosixPath("/etc/ufw") / name
    return old if tree.entry(new) is None and tree.entry(old) is not None else new


def rules_files(tree: Tree, version: int) -> tuple[PurePosixPath, PurePosixPath, PurePosixPath]:
    """The files before.rules, after.rules and user.rules (or before6.rules, ...), in load order."""
    kind = "" if version == 4 else "6"
    folder = PurePosixPath("/etc/ufw")
    return (folder / f"before{kind}.rules", folder / f"after{kind}.rules", user_rules(tree, version))


def load_ufw(tree: Tree, names: Names, backend: str) -> Firewall | None:
    """ufw as its service would load it; None if its own settings do not enable it."""
    found = settings(tree)
    if found is None or not enabled(found):
        return None
    rulesets = {version: _load(tree, found, version, names, backend) for version in (4, 6)}
    files = {version: rules_files(tree, version) for version in (4, 6)}
    where = found.location("ENABLED", Location(CONFIG))
    return Firewall("ufw", where, rulesets, files, backend)


def _load(tree: Tree, found: Settings, version: int, names: Names, backend: str) -> Ruleset:
    if version == 6 and not ipv6(found):
        return _without_ipv6(found, backend)
    for path in rules_files(tree, version):
        text = tree.text_if_read(path)
        if (entry := tree.entry(path)) is not None and entry.is_file and (text is None or too_many(text)):
            return unread_ruleset(version, path)
    return _Start(tree, found, Loader(version, names, backend)).run()


def _without_ipv6(found: Settings, backend: str) -> Ruleset:
    loader = Loader(6, backend=backend)
    _shut_out(found, loader)
    return loader.ruleset()


def _shut_out(found: Settings, loader: Loader) -> None:
    lines = ["*filter", *(f":{chain} DROP [0:0]" for chain in ("INPUT", "FORWARD", "OUTPUT"))]
    lines += ["-A INPUT -i lo -j ACCEPT", "-A OUTPUT -o lo -j ACCEPT", "COMMIT", ""]
    where = found.location("IPV6", Location(DEFAULTS))
    loader.restore("\n".join(lines), DEFAULTS, shown=where)


@dataclass(frozen=True, slots=True)
class Restore:
    """One run of iptables-restore by ufw-init. noflush: with ``-n``, so that existing rules stay."""

    version: int
    text: str
    path: PurePosixPath
    noflush: bool


def restores(tree: Tree, names: Names, backend: str) -> list[Restore]:
    """What ufw-init feeds to iptables-restore and ip6tables-restore, in order; nothing if ufw is disabled."""
    found = settings(tree)
    if found is None or not enabled(found):
        return []
    done: list[Restore] = []
    for version in (4, 6):
        recorder = _Recorder(version, names, backend, done)
        if version == 6 and not ipv6(found):
            _shut_out(found, recorder)
        else:
            _Start(tree, found, recorder).run()
    return done


class _Recorder(Loader):
    """Loads the rules, and records what was loaded."""

    def __init__(self, version: int, names: Names, backend: str, done: list[Restore]) -> None:
        super().__init__(version, names, backend)
        self.done = done

    def restore(self, text: str, path: PurePosixPath, *, noflush: bool = False, shown: Location | None = None) -> bool:
        self.done.append(Restore(self.version, text, path, noflush))
        return super().restore(text, path, noflush=noflush, shown=shown)


class _Start:
    """ufw_start() for one IP version."""

    def __init__(self, tree: Tree, found: Settings, loader: Loader) -> None:
        self.tree = tree
        self.settings = found
        self.loader = loader
        self.prefix = "ufw" if loader.version == 4 else "ufw6"
        self.script = Location(SCRIPT)

    def run(self) -> Ruleset:
        before, after, user = rules_files(self.tree, self.loader.version)
        self._filter(self._primary(), self.script)
        for direction in DIRECTIONS:
            self._by_policy(direction)
        names = ("logging-deny", "logging-allow")
        self._filter((f":{self.prefix}-{name} - [0:0]" for name in names), self.script)
        self._filter(self._skip_to_policy(), self._policy_at("input"))
        self._file(before)
        self._file(after)
        if self._has(user):
            self._filter(self._user_chains(), self.script)
            self._file(user)
            self._filter(self._hooks(), self.script)
        else:
            self._missing(user)
        self._set_policies()
        return self.loader.ruleset()

    def _filter(self, lines: Iterator[str], shown: Location) -> None:
        """Load lines of the filter table that the script itself generates."""
        text = "\n".join(["*filter", *lines, "COMMIT", ""])
        self.loader.restore(text, shown.path, noflush=True, shown=shown)

    def _policy(self, direction: str) -> str:
        return self.settings.get(f"DEFAULT_{direction.upper()}_POLICY")

    def _policy_at(self, direction: str) -> Location:
        return self.settings.location(f"DEFAULT_{direction.upper()}_POLICY", Location(DEFAULTS))

    def _primary(self) -> Iterator[str]:
        parts = ("before-logging", "before", "after", "after-logging", "reject", "track")
        chains = [(direction, f"{self.prefix}-{part}-{direction}") for direction in DIRECTIONS for part in parts]
        yield from (f":{chain} - [0:0]" for _, chain in chains)
        yield from (f"-A {direction.upper()} -j {chain}" for direction, chain in chains)

    def _by_policy(self, direction: str) -> None:
        policy, where = self._policy(direction), self._policy_at(direction)
        if policy == "REJECT":
            self._filter(iter([f"-A {self.prefix}-reject-{direction} -j REJECT"]), where)
        if policy == "ACCEPT":
            chain = f"{self.prefix}-track-{direction}"
            new = "-m conntrack --ctstate NEW -j ACCEPT"
            self._filter((f"-A {chain} -p {protocol} {new}" for protocol in ("tcp", "udp")), where)

    def _skip_to_policy(self) -> Iterator[str]:
        for direction in DIRECTIONS:
            yield f":{self.prefix}-skip-to-policy-{direction} - [0:0]"
        for direction in DIRECTIONS:
            yield f"-A {self.prefix}-skip-to-policy-{direction} -j {self._policy(direction)}"

    def _user_chains(self) -> Iterator[str]:
        names = [f"user-{direction}" for direction in DIRECTIONS]
        names += [f"user-logging-{direction}" for direction in DIRECTIONS]
        return (f":{self.prefix}-{name} - [0:0]" for name in (*names, "user-limit", "user-limit-accept"))

    def _hooks(self) -> Iterator[str]:
        return (f"-A {self.prefix}-before-{way} -j {self.prefix}-user-{way}" for way in DIRECTIONS)

    def _has(self, path: PurePosixPath) -> bool:
        return bool(self.tree.data(path))

    def _file(self, path: PurePosixPath) -> None:
        text = self.tree.text(path)
        if text:
            self.loader.restore(text, path, noflush=True)
        else:
            self._missing(path)

    def _missing(self, path: PurePosixPath) -> None:
        self.loader.problems.append(LoadProblem("the file is missing or empty", Location(path), "all of its rules"))

    def _set_policies(self) -> None:
        # All three are set in one load: if one is not a policy, none is set.
        policies = {way: "DROP" if self._policy(way) == "REJECT" else self._policy(way) for way in DIRECTIONS}
        lines = [f":{way.upper()} {policies[way]} [0:0]" for way in DIRECTIONS]
        self._filter(iter(lines), self._policy_at("input"))
