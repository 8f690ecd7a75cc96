"""``scripts/fuzz-login``: a long sweep of `login_cases`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.system.login import login_server
from tests.system.login_cases import Case, Verdict, made, tried
from tests.system.sshd_root import sshd_root


def main() -> int:
    """Sweep the seeds; 1 if one disagreed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--start", type=int, default=0)
    options.add_argument("--suite", default="bookworm")
    options.add_argument("--log", action="store_true", help="sshd's log of a case that disagrees, too")
    given = options.parse_args()
    counts: Counter[str] = Counter()
    with TemporaryDirectory() as folder, login_server(sshd_root(given.suite), Path(folder)) as server:
        stock = (server.path / "etc/pam.d/sshd").read_text()
        for seed in range(given.start, given.start + given.count):
            verdict = tried(server, stock, made(seed))
            counts[str(verdict.seen)] += 1
            counts["doubtful"] += verdict.doubtful
            if not verdict.agrees:
                counts["wrong"] += 1
                _tell(seed, verdict, log=given.log)
    seeds = f"{given.suite}, seeds {given.start} to {given.start + given.count - 1}"
    told = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()) if word != "wrong")
    print(f"{seeds}: {counts['wrong']} of {given.count} disagree; seen: {told}")
    return 1 if counts["wrong"] else 0


def _tell(seed: int, verdict: Verdict, *, log: bool) -> None:
    print(f"seed {seed}: said {verdict.told}, seen {verdict.seen}")
    differing = {each.name: getattr(verdict.case, each.name) for each in fields(Case)}
    print(f"  { ({name: value for name, value in differing.items() if value != getattr(Case(), name)}) }")
    for finding in verdict.findings:
        print(f"  {finding.severity} {finding.check}: {finding.message}")
    if log:
        print(verdict.log[-3000:])
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
