"""The files of iptables-save(8), loaded as iptables-restore(8) loads them: what the kernel holds afterwards.

A table takes effect at its COMMIT, all or nothing; nothing after the first error in a file is read. Covers both the
nftables and the legacy backend where they differ. Behaviour was taken from iptables/iptables-restore.c,
xtables-restore.c and xshared.c of iptables 1.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from rescue.firewall.engine.ruleset import BUILT_IN, Action, Chain, LoadProblem, Rule, Ruleset, Table, built_in_hook
from rescue.firewall.iptables.rule_line import LONGEST_NAME, STANDARD, IptablesCommand, LineReader, check_chain_name
from rescue.firewall.names import Names, RuleError
from rescue.model import Location

DEEPEST = 15
"""How many jumps the nftables backend allows below a built-in chain (NFT_JUMP_STACK_SIZE, less the first)."""

POLICIES = ("ACCEPT", "DROP")

NO_COMMIT = "the table has no COMMIT"
"""The error for a file that ends inside a table."""


@dataclass(slots=True)
class _Chain:
    name: str
    policy: str
    location: Location
    rules: list[Rule] = field(default_factory=list)

    def copy(self) -> _Chain:
        return _Chain(self.name, self.policy, self.location, list(self.rules))

    def frozen(self, table: str) -> Chain:
        rules = tuple(self.rules)
        if not self.policy:
            return Chain(self.name, "", self.location, rules)
        hook, priority = built_in_hook(table, self.name)
        return Chain(self.name, self.policy, self.location, rules, hook, priority, nat=table == "nat")


_Chains = dict[str, _Chain]


class Loader:
    """The kernel's tables of one IP version while files load one after another, starting with empty tables."""

    def __init__(self, version: int, names: Names | None = None, backend: str = "nft") -> None:
        self.version = version
        self.names = names or Names()
        self.backend = backend
        self.tables: dict[str, _Chains] = {}
        self.problems: list[LoadProblem] = []

    def restore(self, text: str, path: PurePosixPath, *, noflush: bool = False, shown: Location | None = None) -> bool:
        """Load a file's text as ``iptables-restore`` (with ``-n`` if `noflush`) would; False if it stops at an error.

        shown: the location given for rules in text that a program generates itself.
        """
        restoring = _Restore(self, path, noflush, shown)
        try:
            restoring.run(text)
        except RuleError as problem:
            at = shown or Location(path, restoring.line, restoring.text)
            lost = f"the table {restoring.table}" if restoring.table else "what comes after it"
            told = str(problem).removesuffix("\r")
            if at.text.endswith("\r"):
                told += " (the line ends with CR LF, as in files from Windows)"
            self.problems.append(LoadProblem(told, at, lost))
            return False
        return True

    def ruleset(self) -> Ruleset:
        """What the kernel holds now."""
        tables = {
            name: Table(name, {chain: each.frozen(name) for chain, each in chains.items()})
            for name, chains in self.tables.items()
        }
        return Ruleset(self.version, tables, tuple(self.problems))


class _Restore:
    """One run of iptables-restore."""

    def __init__(self, loader: Loader, path: PurePosixPath, noflush: bool, shown: Location | None) -> None:
        self.loader = loader
        self.path = path
        self.noflush = noflush
        self.shown = shown
        self.line = 0
        self.text = ""
        self.table = ""
        self.chains: _Chains = {}
        self.reader: LineReader | None = None

    def run(self, text: str) -> None:
        lines = text.split("\n")
        complete = lines[-1] == ""
        for number, line in enumerate(lines[:-1] if complete else lines, start=1):
            self.line, self.text = number, line
            if not line or line.startswith("#"):
                continue
            line = line.partition("\0")[0]
            last = not complete and number == len(lines)
            self._line(line, ended=not last)
        if self.table:
            raise RuleError(NO_COMMIT)

    def _line(self, line: str, *, ended: bool) -> None:
        if not self.table:
            if not line.startswith("*"):
                raise RuleError("a line outside any table")
            self._begin(line)
        elif line == "COMMIT" and (ended or self.loader.backend == "nft"):
            self._commit()
        elif line.startswith(":"):
            self._declare(line)
        else:
            assert self.reader is not None
            self._obey(self.reader.line(line))

    def _begin(self, line: str) -> None:
        words = line[1:].split()
        name = words[0] if words and not line.endswith("\r") else line[1:]
        if name not in BUILT_IN:
            raise RuleError(f"there is no table {name!r}")
        here = self._here()
        chains = self.loader.tables.get(name)
        if chains is None:
            chains = {chain: _Chain(chain, "ACCEPT", here) for chain in BUILT_IN[name]}
        elif self.noflush:
            chains = {chain: held.copy() for chain, held in chains.items()}
        else:
            chains = {chain: self._flushed(chains[chain], here) for chain in BUILT_IN[name]}
        self.table, self.chains = name, chains
        self.reader = LineReader(self.loader.version, name, self.chains, self.loader.names, self.loader.backend)

    def _flushed(self, chain: _Chain, here: Location) -> _Chain:
        """A built-in chain without its rules: the legacy backend keeps its policy."""
        if self.loader.backend == "legacy":
            return _Chain(chain.name, chain.policy, chain.location)
        return _Chain(chain.name, "ACCEPT", here)

    def _here(self) -> Location:
        return self.shown or Location(self.path, self.line, self.text)

    def _declare(self, line: str) -> None:
        words = line[1:].split()
        if len(words) < 2:
            raise RuleError("a chain without a policy")
        name, policy = words[0], words[1]
        self._check_name(name)
        if name in BUILT_IN[self.table]:
            if policy != "-":
                self._set_policy(name, policy)
            return
        if policy != "-" and self.loader.backend == "legacy":
            raise RuleError(f"the chain {name} can't have a policy")
        if name in self.chains:
            if self.loader.backend == "legacy" and not self.noflush:
                raise RuleError(f"the chain {name} exists already")
            self.chains[name].rules.clear()
        else:
            self.chains[name] = _Chain(name, "", self._here())

    def _check_name(self, name: str) -> None:
        if self.loader.backend == "nft" or len(name) > LONGEST_NAME:
            check_chain_name(name)
        if name in STANDARD:
            raise RuleError(f"{name} is the name of a target, and can't be that of a chain")

    def _set_policy(self, name: str, policy: str) -> None:
        if name not in BUILT_IN[self.table] or policy not in POLICIES:
            raise RuleError(f"the chain {name} can't have the policy {policy}")
        self.chains[name].policy = policy
        self.chains[name].location = self._here()

    def _obey(self, command: IptablesCommand) -> None:
        if command.other_version:
            return
        match command.name:
            case "-P":
                self._set_policy(command.chain, command.policy)
            case "-N":
                self._check_name(command.chain)
                if command.chain in self.chains:
                    raise RuleError(f"the chain {command.chain} exists already")
                self.chains[command.chain] = _Chain(command.chain, "", self._here())
            case "-F":
                for chain in self._named(command.chain):
                    chain.rules.clear()
            case "-L" | "-S" | "-Z":
                self._named(command.chain)
                if command.name == "-Z" and command.position and self.loader.backend == "nft":
                    raise RuleError("the counters of one rule can't be set to zero here")
            case "-E":
                self._rename(command.chain, command.policy)
            case "-X":
                for chain in self._named(command.chain):
                    if not chain.policy:
                        del self.chains[chain.name]
            case _:
                self._change(command)

    def _rename(self, name: str, new: str) -> None:
        """Only the legacy backend finds a chain declared in the same file."""
        self._check_name(new)
        if self.loader.backend == "nft" or name not in self.chains or self.chains[name].policy:
            raise RuleError(f"there is no chain {name} to rename")
        if new in self.chains:
            raise RuleError(f"the chain {new} exists already")
        self.chains[new] = replace(self.chains.pop(name), name=new)
        for chain in self.chains.values():
            for at, rule in enumerate(chain.rules):
                if rule.target.action in (Action.JUMP, Action.GOTO) and rule.target.name == name:
                    chain.rules[at] = replace(rule, target=replace(rule.target, name=new))

    def _named(self, name: str) -> list[_Chain]:
        if name and name not in self.chains:
            raise RuleError(f"there is no chain {name}")
        return [self.chains[name]] if name else list(self.chains.values())

    def _change(self, command: IptablesCommand) -> None:
        rules = self._named(command.chain)[0].rules
        here = self._here()
        new = [Rule(command.chain, body, command.target, here, command.limits) for body in command.bodies]
        if command.name == "-A":
            rules.extend(new)
        elif command.name == "-I":
            at = max(command.position, 1) - 1
            if at > len(rules):
                raise RuleError(f"there is no rule {at + 1} in {command.chain}")
            rules[at:at] = new
        elif command.name == "-R":
            if self.loader.backend == "nft" or command.position > len(rules) or len(new) > 1:
                raise RuleError(f"there is no rule {command.position} in {command.chain} to replace")
            rules[command.position - 1] = new[0]
        else:
            self._delete(rules, command, new)

    def _delete(self, rules: list[Rule], command: IptablesCommand, like: list[Rule]) -> None:
        if command.position:
            if command.position > len(rules):
                raise RuleError(f"there is no rule {command.position} in {command.chain}")
            del rules[command.position - 1]
            return
        for each in like:
            for at, rule in enumerate(rules):
                if rule.conditions == each.conditions and rule.target == each.target:
                    del rules[at]
                    break
            else:
                raise RuleError("there is no such rule to delete")

    def _commit(self) -> None:
        _check_jumps(self.chains, self.loader.backend)
        self.loader.tables[self.table] = self.chains
        self.table, self.chains, self.reader = "", {}, None


def _check_jumps(chains: _Chains, backend: str) -> None:
    """Reject what the kernel rejects: jumps in a loop below a built-in chain, or (nftables) too many nested jumps."""
    depth: dict[str, int] = {}
    for start in [chain.name for chain in chains.values() if chain.policy]:
        _check_hooks(chains, start, backend)
        stack: list[tuple[str, Iterator[str], int]] = [(start, iter(_jumps(chains[start])), 0)]
        on_path = {start}
        while stack:
            name, left, deep = stack[-1]
            below = next(left, None)
            if below is None:
                stack.pop()
                on_path.discard(name)
                continue
            if below in on_path:
                raise RuleError(f"the chains jump in a loop: {name} to {below}")
            if below not in chains:
                raise RuleError(f"there is no chain {below}")
            if backend == "nft" and deep + 1 > DEEPEST:
                raise RuleError(f"the chains nest too deep: {below}")
            if depth.get(below, -1) >= deep + 1 or (backend == "legacy" and below in depth):
                continue  # checked already, from at least this depth if that matters
            depth[below] = deep + 1
            on_path.add(below)
            stack.append((below, iter(_jumps(chains[below])), deep + 1))


def _check_hooks(chains: _Chains, start: str, backend: str) -> None:
    """Reject targets that the kernel does not allow for packets from the built-in chain `start`."""
    left, seen = [start], {start}
    while left:
        chain = chains.get(left.pop())
        for rule in _met(chain, backend) if chain is not None else ():
            for name, allowed in rule.limits:
                if start not in allowed:
                    raise RuleError(f"{name} can't be used in {start} ({rule.location})")
        for below in _jumps(chain) if chain is not None else ():
            if below not in seen:
                seen.add(below)
                left.append(below)


def _met(chain: _Chain, backend: str) -> Iterator[Rule]:
    """The rules that the kernel checks: the legacy backend stops at a rule that decides on every packet.

    mark_source_chains() in net/ipv4/netfilter/ip_tables.c; a rule with any match at all does not count as such.
    """
    for rule in chain.rules:
        yield rule
        decides = rule.target.action in (Action.ACCEPT, Action.DROP, Action.RETURN) and not rule.conditions
        if backend == "legacy" and decides and "-m" not in rule.text.split():
            return


def _jumps(chain: _Chain) -> dict[str, None]:
    """The chains that a chain's rules lead to, each once, in order."""
    jumping = (Action.JUMP, Action.GOTO)
    return dict.fromkeys(rule.target.name for rule in chain.rules if rule.target.action in jumping)
