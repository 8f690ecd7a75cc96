"""Conditions of units that the disk alone decides (systemd.unit(5), "Conditions and Asserts")."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rescue.model import Location
from rescue.services.unit_files import Assignment
from rescue.tree import Read, Tree

VOLATILE = ("/run/", "/var/run/", "/proc/", "/sys/", "/dev/", "/tmp/")  # noqa: S108  named, not used
"""Files that exist only after a boot: unknown from the disk."""


def unmet_condition(tree: Tree, assignments: Iterable[Assignment]) -> Location | None:
    """The first condition that is known to fail, None if none is. Unknown conditions count as met."""
    for prefix in ("Condition", "Assert"):
        listed: list[Assignment] = []
        for each in assignments:
            if each.section == "Unit" and each.key.startswith(prefix):
                # An empty assignment takes back every condition, whatever its kind (condition_free_list).
                listed = [*listed, each] if each.text else []
        failing = _first_failing(tree, listed, prefix)
        if failing is not None:
            return failing
    return None


def holds(tree: Tree, assignment: Assignment) -> bool | None:
    """Whether one Condition...= or Assert...= is met; None if the disk does not tell."""
    kind = assignment.key.removeprefix("Condition").removeprefix("Assert")
    return _holds(tree, kind, assignment.text.removeprefix("|").lstrip())


def _first_failing(tree: Tree, listed: Iterable[Assignment], prefix: str) -> Location | None:
    triggers: list[tuple[bool | None, Location]] = []
    for each in listed:
        trigger = each.text.startswith("|")
        result = _holds(tree, each.key.removeprefix(prefix), each.text.removeprefix("|").lstrip())
        if trigger:
            triggers.append((result, each.location))
        elif result is False:
            return each.location
    if triggers and all(result is False for result, _ in triggers):
        return triggers[0][1]
    return None


def _holds(tree: Tree, kind: str, text: str) -> bool | None:
    """None if the disk does not tell."""
    negated = text.startswith("!")
    path = text.removeprefix("!").lstrip()
    test = _TESTS.get(kind)
    if test is None or not path.startswith("/") or "%" in path or f"{path}/".startswith(VOLATILE):
        return None
    tree.require(Read(path, depth=0, content=False))
    return test(tree, path) is not negated


def _exists(tree: Tree, path: str) -> bool:
    return tree.entry(path) is not None


def _is_directory(tree: Tree, path: str) -> bool:
    entry = tree.entry(path)
    return entry is not None and entry.is_dir


def _not_empty(tree: Tree, path: str) -> bool:
    entry = tree.entry(path)
    return entry is not None and entry.is_file and entry.size > 0


def _is_executable(tree: Tree, path: str) -> bool:
    entry = tree.entry(path)
    return entry is not None and entry.is_file and bool(entry.mode & 0o111)


_TESTS: Mapping[str, Callable[[Tree, str], bool]] = {
    "PathExists": _exists,
    "PathIsDirectory": _is_directory,
    "FileNotEmpty": _not_empty,
    "FileIsExecutable": _is_executable,
}
