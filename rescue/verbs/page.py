"""The web page of ``--html``: what it needs beside the examination, and writing it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rescue.errors import UsageError
from rescue.examine import Examination
from rescue.facts import Facts
from rescue.firewall.engine.table import Row, rows
from rescue.labs.lessons.by_hand import by_hand
from rescue.model import Repair, Step
from rescue.space.usage import measured
from rescue.survey import complete
from rescue.targets.protocol import BUNDLE, Target, TargetError
from rescue.targets.usage import scan_usage
from rescue.tree import Change, FileSystem, NotCaptured, ReadError, Tree
from rescue.ui.page.disk_picture import FULL, Filled, percent
from rescue.ui.page.inspection import FindingKey, Gathered, Server
from rescue.ui.program import home_name
from rescue.verbs.explain import manuals
from rescue.verbs.request.session import Session

VERSIONS = (4, 6)


def gathered(session: Session, target: Target, examination: Examination) -> Gathered:
    """All that the page of `examination` shows beside it.

    Raises TargetError where the target can't be read.
    """
    _, previews = complete(target, examination.facts.tree, lambda tree: _previews(examination, tree))
    return Gathered(
        previews,
        reach(examination.facts),
        tuple(_filled(session, target, examination)),
        {name: f"{text}\n\n{by_hand(name)}" for name, text in manuals().items()},
    )


def reach(facts: Facts) -> Mapping[int, Sequence[Row]]:
    """Who may connect, by the IP version; nothing where the firewall could not be read."""
    try:
        return {version: rows(facts.reach(facts.dialled, version)) for version in VERSIONS}
    except (NotCaptured, ReadError):
        return {}


def server_of(session: Session, target: Target, spec: str) -> Server:
    """The target as the page names it."""
    return Server(
        target.name, target.method, spec, session.client_words(), tuple(target.notes), target.method != BUNDLE
    )


def write(session: Session, text: str, name: str) -> None:
    """Write the page. Raises UsageError where that can't be."""
    path = Path(name).expanduser()
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            f"--html {name}: {problem.strerror}", "Name a file in a directory that is there and can be written."
        ) from problem
    session.progress(f"the report is in {home_name(path)}")


def _previews(examination: Examination, tree: Tree) -> dict[FindingKey, dict[str, Sequence[Change]]]:
    return {each.key: {way.title: preview(way, tree) for way in each.repairs} for each in examination.findings}


def preview(way: Repair, tree: Tree) -> Sequence[Change]:
    """What one repair alone would change; () where it can't be made, of which the plan will tell."""
    if way.edit is None:
        return ()
    try:
        return way.edit(tree).since(tree)
    except NotCaptured:
        raise
    except (ValueError, OSError):
        return ()


def _filled(session: Session, target: Target, examination: Examination) -> Iterator[Filled]:
    """The file systems; those that are nearly full, or about which something was found, with what fills them."""
    tree = examination.facts.tree
    short = any(each.step is Step.DISK for each in examination.findings)
    for mount in measured(tree.filesystems):
        file_system = tree.filesystem(mount) or FileSystem(mount)
        usage = None
        if percent(file_system) >= FULL or (short and mount == "/"):
            session.progress(f"measuring what lies where, {mount}")
            try:
                usage = scan_usage(target, mount)
            except TargetError:
                usage = None  # the bar says how full it is all the same
        yield Filled(file_system, usage)
