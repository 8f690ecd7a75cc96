"""What the README says of causes and scenarios, and docs/evidence.md, written from what is there:
`scripts/update-readme`.

The causes come from the checks, the figures from the files that `RESCUE_FIGURES=FILE scripts/test system vm` wrote. A
scenario that no such file tells of keeps the row that it has.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from rescue.checks import Check, all_checks
from rescue.evidence import Evidence, all_evidence
from rescue.labs.lessons.scenario import all_scenarios
from rescue.model import Step

REPOSITORY = Path(__file__).resolve().parents[1]

EVIDENCE = REPOSITORY / "docs" / "evidence.md"
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


def updated(text: str, figures: Mapping[str, str]) -> str:
    """The README with the causes that there are and these figures."""
    causes = "".join(f"| `{check.id}` | {check.title} |\n" for check in all_checks())
    text = _in_table(CAUSES, text, causes)
    known = {each.id for each in all_scenarios()}
    table = FIGURES.search(text)
    have = rows(table.group(1)) if table else {}
    merged = {name: row for name, row in {**have, **figures}.items() if name in known}
    text = _in_table(FIGURES, text, "".join(f"{merged[name]}\n" for name in sorted(merged)))
    waiting = sum(1 for each in all_scenarios() if each.waiting)
    found = len(known) - waiting
    counted = f"{found} scenarios of {len(known)} have causes that this version finds: in {found} of {found}"
    text = COUNTED.sub(counted, text)
    return WAITING.sub(f"Scenarios that wait for a check: {waiting}", text)


EVIDENCE_HEAD = """# What each step reads, and what it does not

Made by `scripts/update-readme` from the checks and from `rescue/evidence/`; a test holds that it is up to date.

A step of the path to a login is *ok* only if everything below that decides it was read and holds. What is found broken
or doubtful is a finding (`rescue explain CAUSE`); what could not be judged is said as such, with what supplies it, and
the step is *not judged*. A file that could not be read (a failing disk, a lack of rights, a size beyond every limit)
is never taken for an empty or a missing one: everything that leans on it is not judged.
"""


def evidence() -> str:
    """docs/evidence.md: by step, what is read and judged, and what may stay unjudged."""
    parts = [EVIDENCE_HEAD]
    for link in Step:
        checks = [each for each in all_checks() if each.step is link]
        gaps = [each for each in all_evidence() if each.step is link]
        everything: list[Check | Evidence] = [*checks, *gaps]
        reads = sorted({read.path for each in everything for read in each.reads})
        parts.append(f"## {link.order} {link}: {link.holds}\n")
        parts.append("Judged:\n\n" + "".join(f"- `{each.id}`: {each.title}\n" for each in checks))
        if gaps:
            parts.append("Not always judged:\n\n" + "".join(_evidence(each) for each in gaps))
        if reads:
            parts.append("Read, beside what these files name: " + ", ".join(f"`{path}`" for path in reads) + "\n")
    return "\n".join(parts)


def _evidence(each: Evidence) -> str:
    paragraphs = [" ".join(part.split()) for part in each.manual.strip().split("\n\n")[1:]]
    return f"- `{each.id}`: {each.title}.\n" + "".join(f"  {part}\n" for part in paragraphs)


def _in_table(table: re.Pattern[str], text: str, body: str) -> str:
    found = table.search(text)
    if found is None:
        raise SystemExit(f"README.md: there is no table that begins with {table.pattern!r}")
    return text[: found.start(1)] + body + text[found.end(1) :]


def main(files: Iterable[str]) -> None:
    """Write README.md, the count in CHANGELOG.md, and docs/evidence.md."""
    figures: dict[str, str] = {}
    for file in files:
        figures.update(rows(Path(file).read_text(encoding="utf-8")))
    readme, changelog = REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md"
    readme.write_text(updated(readme.read_text(encoding="utf-8"), figures), encoding="utf-8")
    text = CAUSES_COUNTED.sub(f"{len(all_checks())} causes in", changelog.read_text(encoding="utf-8"), count=1)
    text = LABS_COUNTED.sub(f"{len(all_scenarios())} real servers that lock", text, count=1)
    changelog.write_text(text, encoding="utf-8")
    EVIDENCE.write_text(evidence(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
