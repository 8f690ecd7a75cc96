"""Every situation of tests/system/outside_cases.py probed in network namespaces; the table is docs/probe.md.

What a probe has to say is written down there by hand, first: a row is right where the situation is that one and
each true cause is among the possible ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.system.outside_cases import CASES, Case
from tests.system.outside_lab import REPOSITORY, outside_lab

PAGE = REPOSITORY / "docs" / "probe.md"


@dataclass(frozen=True)
class Row:
    """What one probe said."""

    case: Case
    said: str
    missing: tuple[str, ...]
    possible: int
    seconds: float

    @property
    def right(self) -> bool:
        return self.said == self.case.situation and not self.missing


def probed(case: Case) -> Row:
    """Make the situation, and ask."""
    with tempfile.TemporaryDirectory(prefix="rescue-probe-") as folder, outside_lab(Path(folder)) as lab:
        case.make(lab)
        told = lab.probe(case.host, *case.words)
    missing = tuple(each for each in case.causes if each not in told["causes"])
    return Row(case, told["situation"], missing, len(told["causes"]), told["seconds"])


def page(rows: list[Row]) -> str:
    """The table, in Markdown."""
    wrong = [each for each in rows if not each.right]
    made = [
        "# What a probe says",
        "",
        f"Made by `scripts/probe-matrix` on {datetime.now(UTC):%Y-%m-%d}: each situation is made in network",
        "namespaces (a client, a router, a server) with a real sshd, nftables and routes; where it says *imitated*,",
        "a small program sends the server's bytes. What is expected stands beside each in",
        "`tests/system/outside_cases.py`. *Causes left* is how many of the causes of `rescue explain` stay possible:",
        "what can't be told apart from outside is not told apart, and the true one has to be among them. Three ran at",
        "once, on two processors.",
        "",
        f"{len(rows) - len(wrong)} of {len(rows)} are told right"
        + (f"; wrong: {', '.join(each.case.id for each in wrong)}." if wrong else "; none is wrong."),
        "",
        "| what is broken | expected | said | causes left | the true ones are among them | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in rows:
        held = ", ".join(each.case.causes) if not each.missing else f"MISSING: {', '.join(each.missing)}"
        what = each.case.what + (" (imitated)" if each.case.imitated else "")
        made.append(
            f"| {what} | {each.case.situation} | {each.said} | {each.possible} | {held or 'not the server'} |"
            f" {each.seconds:.1f} |"
        )
    made += ["", "## Confusion", "", "Rows: what it was. Columns: what was said, with how often.", ""]
    expected = list(dict.fromkeys(each.case.situation for each in rows))
    said = list(dict.fromkeys([*expected, *(each.said for each in rows)]))
    for one in expected:
        counts = {other: sum(each.case.situation == one and each.said == other for each in rows) for other in said}
        made.append(f"* `{one}`: " + ", ".join(f"`{other}` {count}" for other, count in counts.items() if count))
    return "\n".join([*made, ""])


def main() -> int:
    """Probe them all, and write the page. Status 1 where one is told wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("only", nargs="*", help="these situations alone; the page is not written")
    only = options.parse_args().only
    cases = [each for each in CASES if not only or each.id in only]
    rows = []
    with ThreadPoolExecutor(3) as pool:
        for row in pool.map(probed, cases):
            print(f"{'ok   ' if row.right else 'WRONG'} {row.case.id}: {row.said} {' '.join(row.missing)}", flush=True)
            rows.append(row)
    if not only:
        PAGE.write_text(page(rows), encoding="utf-8")
    return 0 if all(each.right for each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
