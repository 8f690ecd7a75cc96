"""From a script on the disk to the firewall that nft builds from it: all of it, or nothing."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.firewall.engine.oversized import depends_on
from rescue.firewall.engine.ruleset import Firewall, LoadProblem, Ruleset
from rescue.firewall.names import Names
from rescue.firewall.nft import lower
from rescue.firewall.nft.language.builders import Question
from rescue.firewall.nft.language.tokens import NftError, NftNotModelled
from rescue.firewall.nft.later import doubted, named_too_early
from rescue.firewall.nft.read.commands import Script
from rescue.firewall.nft.read.sets import check_sets
from rescue.model import Location
from rescue.tree import Tree

MANAGER = "nftables"


def load_nftables(tree: Tree, path: PurePosixPath, names: Names, nft: tuple[int, ...] = ()) -> Firewall | None:
    """The firewall that ``nft -f`` builds from a script; None if the file does not exist. Raises NotCaptured.

    nft: the installed version (1, 0, 6); empty if unknown.
    """
    entry = tree.entry(path)
    if entry is None or not entry.is_file:
        return None
    here = Location(path)
    script = Script(tree, nft, names)
    rulesets: dict[int, Ruleset] = {}
    try:
        script.run(path)
        tables = script.tables.values()
        early = named_too_early(tables)
        for version in (4, 6):
            made = lower.tables(tables, Question(version, names))
            made = doubted(made, *early) if early is not None else made
            rulesets[version] = Ruleset(version, made, tracking=lower.tracking(tables, version))
        check_sets(script, names)
    except NftError as problem:
        fault = LoadProblem(str(problem), problem.at, "every rule of the file: nft loads all of it or nothing")
        rulesets = {version: Ruleset(version, {}, (fault,)) for version in (4, 6)}
    except NftNotModelled as problem:
        reason = f"{problem.at}, which this version can't read ({problem.reason})"
        rulesets = {version: depends_on(version, problem.at, reason, "what its rules do is not known")
                    for version in (4, 6)}  # fmt: skip
    files = tuple(script.preprocessor.files) or (path,)
    return Firewall(MANAGER, here, rulesets, {4: files, 6: files}, nft=nft)
