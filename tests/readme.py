"""What `scripts/update-readme` makes from the code: the causes of docs/causes.md and the README's count of them, the
scenarios of docs/figures.md, the counts in CHANGELOG.md, docs/evidence.md, docs/inspect.svg, the picture of the rooms
in docs/architecture.md, the facts in CONTRIBUTING.md.

The causes come from the checks, the figures from the files that `RESCUE_FIGURES=FILE scripts/test system vm` wrote. A
scenario that no such file has keeps the row that it has; a new one, or one that now shows something else, is in the
table as not measured. With --check nothing is written: what is out of date is shown, with the command that mends it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path

from rescue.cached_fact import fact
from rescue.checks import Check, all_checks
from rescue.evidence import Evidence, all_evidence
from rescue.facts import Facts
from rescue.labs.lessons.scenario import Scenario, all_scenarios
from rescue.model import Step
from scripts.developer import architecture
from tests.screenshot import screenshot

REPOSITORY = Path(__file__).resolve().parents[1]

COMMAND = "scripts/update-readme"
MOST_SHOWN = 40
"""Lines of a difference that --check prints of each file."""
LONGEST = 160
"""Characters that it prints of each line."""
NOT_MEASURED = "not measured"
CAUSES = re.compile(r"^\| cause \|.*\n\| ---.*\n((?:\| `.*\n)*)", re.MULTILINE)
FIGURES = re.compile(r"^\| scenario \|.*\n\| ---.*\n((?:\|.*\n)*)", re.MULTILINE)
COUNTED = re.compile(r"\d+ scenarios of \d+ have causes that this version finds: in \d+ of \d+")
WAITING = re.compile(r"Scenarios that wait for a check: \d+")
CAUSES_COUNTED = re.compile(r"\d+ causes in")
LABS_COUNTED = re.compile(r"\d+ real servers that lock")


def rows(text: str) -> dict[str, str]:
    """A table's rows, by the scenario that each is of; heads are left out.

    So are machines' rows, but of the scenarios that only a boot shows, which have no other.
    """
    found = {}
    machines = {f"| machine: {each.id} |" for each in all_scenarios() if each.boot}
    for line in text.split("\n"):
        if any(line.startswith(head) for head in machines):
            line = line.replace("machine: ", "", 1)
        name = line.removeprefix("| ").partition(" |")[0]
        if line.startswith("| ") and re.fullmatch(r"[a-z0-9-]+", name) and name not in ("scenario", "---"):
            found[name] = line
    return found


def named(each: Scenario) -> str:
    """What the table says that `inspect` names."""
    return f"waiting for {', '.join(each.waiting)}" if each.waiting else ", ".join(sorted(each.causes))


def row(each: Scenario, measured: str | None) -> str:
    """The scenario's row: what was measured, if that is what the scenario shows today."""
    head = f"| {each.id} | {each.symptom} | {named(each)} | "
    if measured is not None and measured.startswith(head):
        return measured
    return head + ("- | - | - |" if each.waiting else f"{NOT_MEASURED} | - | - |")


def causes(text: str) -> str:
    """docs/causes.md with the causes that there are."""
    return _in_table(CAUSES, text, "".join(f"| `{check.id}` | {check.title} |\n" for check in all_checks()))


def scenarios(text: str, figures: Mapping[str, str]) -> str:
    """docs/figures.md with the scenarios that there are and these figures."""
    every = sorted(all_scenarios(), key=lambda each: each.id)
    table = FIGURES.search(text)
    have = {**(rows(table.group(1)) if table else {}), **figures}
    made = [row(each, have.get(each.id)) for each in every]
    text = _in_table(FIGURES, text, "".join(f"{line}\n" for line in made))
    waiting = sum(1 for each in every if each.waiting)
    found = len(every) - waiting
    measured = found - sum(1 for line in made if f"| {NOT_MEASURED} |" in line)
    counted = f"{found} scenarios of {len(every)} have causes that this version finds: in {measured} of {found}"
    text = _counted(COUNTED, text, counted)
    return _counted(WAITING, text, f"Scenarios that wait for a check: {waiting}")


def groups(text: str) -> str:
    """The README with how many causes there are, at each step and in all."""
    for step in Step:
        found = sum(1 for each in all_checks() if each.step is step)
        text = _counted(re.compile(rf"^\| {step} \| \d+ \|", re.MULTILINE), text, f"| {step} | {found} |")
    return _counted(re.compile(r"\d+ causes in ten steps"), text, f"{len(all_checks())} causes in ten steps")


EVIDENCE_HEAD = """# What each step reads, and what it does not

Made by `scripts/update-readme` from the checks and from `rescue/evidence/`; `scripts/test lint` holds it up to date.

A step of the path to a login is *ok* only if everything below that decides it was read and holds. What is broken or
doubtful is a finding (`rescue explain CAUSE`); what could not be judged is named, with what supplies it, and the step
is *not judged*. A file that can't be read (a failing disk, missing rights, a size beyond every limit) never counts as
empty or missing: everything that depends on it is not judged.
"""


def evidence() -> str:
    """docs/evidence.md: by step, what is read and judged, and what may stay unjudged."""
    parts = [EVIDENCE_HEAD]
    for step in Step:
        checks = [each for each in all_checks() if each.step is step]
        gaps = [each for each in all_evidence() if each.step is step]
        everything: list[Check | Evidence] = [*checks, *gaps]
        reads = sorted({read.path for each in everything for read in each.reads})
        parts.append(f"## {step.order} {step}: {step.holds}\n")
        parts.append("Judged:\n\n" + "".join(f"- `{each.id}`: {each.title}\n" for each in checks))
        if gaps:
            parts.append("Not always judged:\n\n" + "".join(_evidence(each) for each in gaps))
        if reads:
            parts.append("Read (and what these files name): " + ", ".join(f"`{path}`" for path in reads) + "\n")
    return "\n".join(parts)


def _evidence(each: Evidence) -> str:
    paragraphs = [" ".join(part.split()) for part in each.manual.strip().split("\n\n")[1:]]
    return f"- `{each.id}`: {each.title}.\n" + "".join(f"  {part}\n" for part in paragraphs)


def facts() -> str:
    """What a check may ask `Facts`, from its docstrings."""
    lines = ["| ask | answer |", "| --- | --- |"]
    for name, member in vars(Facts).items():
        text = inspect.getdoc(member)
        if name.startswith("_") or not text:
            continue
        words = ""
        if inspect.isfunction(member):
            words = f"({', '.join(list(inspect.signature(member).parameters)[1:])})"
        else:
            assert isinstance(member, property | fact), name
        said = " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")
        lines.append(f"| `facts.{name}{words}` | {said} |")
    return "\n".join(lines)


def block(text: str, name: str, body: str) -> str:
    """The text with `body` between the two comments that mark what is made as `name`."""
    head, foot = f"<!-- {name}: made by {COMMAND} -->\n", f"<!-- end of {name} -->"
    before, found, rest = text.partition(head)
    _, ended, after = rest.partition(foot)
    if not (found and ended):
        raise SystemExit(f"the lines {head.strip()!r} and {foot!r} are missing")
    return f"{before}{head}{body}\n{foot}{after}"


def _counted(pattern: re.Pattern[str], text: str, words: str) -> str:
    text, times = pattern.subn(words, text, count=1)
    if not times:
        raise SystemExit(f"no sentence is like {pattern.pattern!r} any more: see tests/readme.py")
    return text


def _in_table(table: re.Pattern[str], text: str, body: str) -> str:
    found = table.search(text)
    if found is None:
        raise SystemExit(f"there is no table that begins with {table.pattern!r}")
    return text[: found.start(1)] + body + text[found.end(1) :]


def _changelog(text: str) -> str:
    text = _counted(CAUSES_COUNTED, text, f"{len(all_checks())} causes in")
    return _counted(LABS_COUNTED, text, f"{len(all_scenarios())} real servers that lock")


def _architecture(text: str) -> str:
    text = block(text, "rooms", f"```\n{architecture.picture()}\n```")
    text = block(text, "inner layers", architecture.inner())
    return block(text, "libraries", architecture.dependencies())


def made(figures: Mapping[str, str], repository: Path = REPOSITORY) -> dict[str, tuple[str, str]]:
    """Each file that is written here: its text as it is, and as it has to be."""
    makers: dict[str, Callable[[str], str]] = {
        "README.md": groups,
        "docs/causes.md": causes,
        "docs/figures.md": lambda text: scenarios(text, figures),
        "docs/inspect.svg": lambda _: screenshot(),
        "CHANGELOG.md": _changelog,
        "CONTRIBUTING.md": lambda text: block(text, "facts", facts()),
        "docs/architecture.md": _architecture,
        "docs/evidence.md": lambda _: evidence(),
    }
    texts = {name: (repository / name).read_text(encoding="utf-8") for name in makers}
    return {name: (texts[name], maker(texts[name])) for name, maker in makers.items()}


def main(words: Sequence[str], repository: Path = REPOSITORY) -> int:
    """Write the files, or with --check show what is out of date; the exit status."""
    check = "--check" in words
    if unknown := [word for word in words if word.startswith("-") and word != "--check"]:
        print(f"update-readme: what is {unknown[0]!r}? See {COMMAND} --help", file=sys.stderr)
        return 2
    figures: dict[str, str] = {}
    for file in (word for word in words if word != "--check"):
        figures.update(rows(Path(file).read_text(encoding="utf-8")))
    stale = {name: texts for name, texts in made(figures, repository).items() if texts[0] != texts[1]}
    for name, (old, new) in stale.items():
        if not check:
            (repository / name).write_text(new, encoding="utf-8")
            print(f"written: {name}")
            continue
        changes = list(unified_diff(old.split("\n"), new.split("\n"), name, f"{name} (as it has to be)", "", "", 0, ""))
        shown = [line if len(line) <= LONGEST else f"{line[:LONGEST]}..." for line in changes[:MOST_SHOWN]]
        print(*shown, *(["..."] if len(changes) > MOST_SHOWN else []), sep="\n")
    if check and stale:
        print(f"Out of date: {', '.join(stale)}. Run: {COMMAND}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
