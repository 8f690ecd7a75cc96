"""What was skipped, and why: `python tests/skips.py FILE [ALLOWED]` prints it, and tells what may not be.

FILE: a line for each skipped test, its file and its reason with a tab between them, as `tell` writes them. ALLOWED: a
reason in each line, with the wildcards of a shell; what is behind "#" is said for people. Exit status 1 where something
was skipped for any other reason: what is not looked at is not called green.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

TOLD = "RESCUE_SKIPS"
"""The environment's variable that names FILE."""


class Report(Protocol):
    """pytest's of one test, or of a file that was skipped as a whole. longrepr: (path, line, "Skipped: reason")."""

    longrepr: object
    nodeid: str


def tell(path: Path, reports: Iterable[Report]) -> None:
    """Add a line for each."""
    with path.open("a") as stream:
        for report in reports:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            text = " ".join(reason.removeprefix("Skipped: ").split())
            stream.write(f"{report.nodeid.partition('::')[0]}\t{text}\n")


def allowed(path: Path) -> list[str]:
    """The patterns of a list of reasons."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().split("\n"))
    return [line for line in lines if line]


def main(words: Sequence[str]) -> int:
    """Print what was skipped."""
    told = Counter(line for line in Path(words[0]).read_text().split("\n") if line)
    patterns = allowed(Path(words[1])) if len(words) > 1 else ["*"]
    good = True
    if told:
        print("Skipped:")
    for line, number in sorted(told.items()):
        file, _, reason = line.partition("\t")
        fine = any(fnmatchcase(reason, pattern) for pattern in patterns)
        good = good and fine
        print(f"  {number:4} {file}: {reason}{'' if fine else '   <- NOT ALLOWED'}")
    if not good:
        print(f"What can be had has to be there. Reasons that are good are listed in {words[1]}.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
