"""``scripts/fuzz-handshake [--seed N] [--count N] [SUITE...]``: what a client and sshd agree on, against real ones.

For each Debian suite, COUNT generated configurations of its sshd, each tried with every client that is here: ssh of
Debian 11, 12 and 13, and, where they are installed, plink, dbclient and Debian's Paramiko. Prints the seed and the
counts; a difference is shrunk, printed, and ends the script with status 1.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.system.handshakes import SUITES, Case, cases, compare, refused
from tests.system.sshd_root import SshdRoot, sshd_root


def main(words: list[str]) -> int:
    """Run all; 1 if there is a difference."""
    asked = argparse.ArgumentParser(prog="fuzz-handshake", description=__doc__.partition("\n")[0])
    asked.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    asked.add_argument("--count", type=int, default=100, help="generated configurations for each suite")
    asked.add_argument("suites", nargs="*", help=f"of {', '.join(SUITES)}; default: all")
    options = asked.parse_args(words)
    options.suites = options.suites or list(SUITES)
    if set(options.suites) - set(SUITES):
        asked.error(f"suites are {', '.join(SUITES)}")
    print(f"seed {options.seed}, {options.count} for each of {', '.join(options.suites)}", flush=True)
    good = True
    for suite in options.suites:
        try:
            good = _tried(suite, sshd_root(suite), options.count, options.seed) and good
        except (pytest.skip.Exception, pytest.fail.Exception) as why:
            print(f"{suite}: {why}")
            good = False
    print("no difference" if good else "DIFFERENCES")
    return 0 if good else 1


def _tried(suite: str, root: SshdRoot, count: int, number: int) -> bool:
    seen: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @given(case=cases(root.version))
    def same(case: Case) -> None:
        if refused(root, case):
            seen["refused"] += 1
            return
        seen["configurations"] += 1
        seen["connections"] += compare(root, case)

    failure = ""
    try:
        same()
    except AssertionError as problem:
        failure = "\n".join([str(problem), *getattr(problem, "__notes__", [])])
    told = f"{seen['configurations']} taken by sshd, {seen['refused']} refused, {seen['connections']} connections"
    print(f"{suite}: {told}: {failure or 'no difference'}", flush=True)
    return not failure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
