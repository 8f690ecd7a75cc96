"""``scripts/fuzz-sshd [--seed N] [--count N] [SUITE...]``: our reading of sshd_config against sshd's own, at length.

For each Debian suite (bullseye, bookworm, trixie): every configuration of the corpus, then COUNT generated ones. Prints
the seeds and the counts; a difference is shrunk to the smallest files that show it, printed, and ends the script with
status 1. It becomes a named example of tests/system/test_sshd_differential.py.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.system.sshd_configs import PEOPLE, Who, compare, configurations, corpus, nests, odd, plausible, quoted
from tests.system.sshd_root import VERSIONS, SshdRoot, sshd_root

Files = dict[str, bytes]


@st.composite
def lines(draw: st.DrawFn) -> Files:
    """One line, or one in a Match block."""
    line = draw(st.one_of(plausible(), odd(), quoted(), quoted()))
    before, end = draw(st.sampled_from([
        ("", ""), ("Match User alice\n", ""), ("Match all\n", ""), ("X11Forwarding yes\r\n", "\r"),
    ]))  # fmt: skip
    return {"sshd_config": f"{before}{line}{end}\n".encode("utf-8", "surrogateescape")}


KINDS: dict[str, tuple[st.SearchStrategy[Files], int]] = {
    "files": (configurations(), 40),
    "nests": (nests(), 30),
    "lines": (lines(), 30),
}
"""What is generated, and how much of each in a hundred."""


def main(words: list[str]) -> int:
    """Run all; 1 if there is a difference."""
    asked = argparse.ArgumentParser(prog="fuzz-sshd", description=__doc__.partition("\n")[0])
    asked.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    asked.add_argument("--count", type=int, default=1000, help="generated configurations for each suite")
    asked.add_argument("suites", nargs="*", help=f"of {', '.join(VERSIONS)}; default: all")
    options = asked.parse_args(words)
    options.suites = options.suites or list(VERSIONS)
    if set(options.suites) - set(VERSIONS):
        asked.error(f"suites are {', '.join(VERSIONS)}")
    print(f"seed {options.seed}, {options.count} for each of {', '.join(options.suites)}", flush=True)
    good = True
    for suite in options.suites:
        try:
            root = sshd_root(suite)
        except (pytest.skip.Exception, pytest.fail.Exception) as why:
            print(f"{suite}: {why}")
            good = False
            continue
        with tempfile.TemporaryDirectory(prefix="fuzz-sshd-") as place:
            good = _real(suite, root, Path(place) / "case") and good
            for kind, (strategy, share) in KINDS.items():
                many = options.count * share // 100
                good = _generated(suite, root, Path(place) / "case", kind, strategy, many, options.seed) and good
    print("no difference" if good else "DIFFERENCES")
    return 0 if good else 1


def _real(suite: str, root: SshdRoot, case: Path) -> bool:
    different = []
    for path in corpus():
        try:
            compare(root, case, {"sshd_config": path.read_bytes()})
        except AssertionError as problem:
            different.append(f"{path}: {problem}")
    print(f"{suite}: {len(corpus())} real configurations, {len(different)} differences", flush=True)
    print(*different, sep="\n", end="")
    return not different


def _generated(
    suite: str, root: SshdRoot, case: Path, kind: str, strategy: st.SearchStrategy[Files], count: int, number: int
) -> bool:
    seen: Counter[bool] = Counter()
    run = _property(root, case, strategy, count, number, seen)
    started = time.monotonic()
    try:
        run()
        failure = ""
    except AssertionError as problem:
        failure = "\n".join([str(problem), *getattr(problem, "__notes__", [])])
    took = time.monotonic() - started
    told = f"{seen[True]} taken by sshd, {seen[False]} refused, {took:.0f} s"
    print(f"{suite}: {sum(seen.values())} {kind}: {told}: {failure or 'no difference'}", flush=True)
    return not failure


def _property(
    root: SshdRoot, case: Path, strategy: st.SearchStrategy[Files], count: int, number: int, seen: Counter[bool]
) -> Callable[[], None]:
    @seed(number)
    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )  # fmt: skip
    @given(files=strategy, who=PEOPLE)
    def same(files: Files, who: Who) -> None:
        seen[compare(root, case, files, who)] += 1

    return same


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
