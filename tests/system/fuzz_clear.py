"""Servers broken at random, judged, and booted: is a path called clear, or a step ok, that is not? See
scripts/fuzz-clear.

Each seed is one server with one change (`tests.system.clear.breaking`); every twenty-fifth has none and has to let
everybody in, else the run is void. With --healthy each has some changes that harm nothing (`clear.hardening`).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

from rescue.cli import main as rescue
from rescue.labs.images.image import ensure_image
from rescue.labs.lessons.paths import recipes_directory
from tests.system.clear.booted import NETWORK, NETWORK_FILE, SOURCE, boot, layered, why_not
from tests.system.clear.breaking import broken
from tests.system.clear.hardening import hardened
from tests.system.clear.root import Root

USERS = ("alice", "root")
CONTROL = 25
ALWAYS = frozenset({"boot-unseen", "network-unseen", "key-unknown"})
"""What is not judged on any server: it names no change."""


SHOWS = {
    "refused": {"boot", "service", "listen", "firewall"},
    "timed out": {"boot", "network", "service", "listen", "firewall", "accept"},
    "unreachable": {"boot", "network", "firewall"},
    "denied": {"account", "key"},
    "closed": {"service", "accept", "account", "session"},
    "no shell": {"accept", "account", "key", "session"},
}
"""The steps at which a fault looks so from outside: one of them has to be other than ok."""


@dataclass(frozen=True)
class Judged:
    """What `rescue inspect` says of one user."""

    verdict: str
    states: dict[str, str]
    findings: tuple[tuple[str, str, str], ...]
    """Each finding's step, severity and check."""
    gaps: tuple[tuple[str, str], ...]
    """Each gap's step and evidence, but for those that every server has."""

    @property
    def named(self) -> frozenset[str]:
        """The steps that are other than ok for a reason that not every server has."""
        return frozenset(each[0] for each in (*self.findings, *self.gaps))


@dataclass
class Case:
    """One server: what was changed, what was said of it, and what a real login showed."""

    image: str
    seed: int
    kind: str
    steps: tuple[str, ...]
    told: str
    judged: dict[str, Judged] = field(default_factory=dict)
    login: dict[str, bool] = field(default_factory=dict)
    saying: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    ended: bool = True
    console: str = ""
    trouble: str = ""

    def shown(self, user: str) -> set[str]:
        """The steps that what the client saw speaks of; all where it says nothing known."""
        saying = self.saying[user]
        return next((steps for word, steps in SHOWS.items() if saying.startswith(word)), set(self.judged[user].states))

    def of(self, user: str) -> str:
        """What this case is as far as one user is concerned."""
        said, in_ = self.judged[user], self.login[user]
        if not in_ and said.verdict == "clear":
            return "clear but no login"
        if not in_ and not said.named:
            always = all(said.states[step] != "ok" for step in self.steps)
            return "nothing named but what is never judged" if always else "ok but guilty"
        if not in_ and said.verdict != "broken" and not said.named & self.shown(user):
            return "another step named"
        if in_ and said.verdict == "broken":
            return "false alarm"
        if in_ and said.verdict == "doubtful":
            return "doubtful and in"
        if in_ and said.gaps:
            return "not judged and in"
        if in_:
            return "in"
        return {"broken": "found", "doubtful": "doubted"}.get(said.verdict, "not judged")


WORST = (
    "clear but no login", "ok but guilty", "another step named", "nothing named but what is never judged", "false alarm"
)  # fmt: skip


def judged(root: Root, user: str, key: Path) -> Judged:
    """Ask the command itself."""
    out, errors = io.StringIO(), io.StringIO()
    words = ["inspect", str(root.place), "--json", "--user", user, "--key", str(key), "--from", SOURCE]
    with redirect_stdout(out), redirect_stderr(errors):
        rescue(words)
    said = json.loads(out.getvalue())
    if "path" not in said:
        raise RuntimeError(f"inspect says: {out.getvalue()[:500]} {errors.getvalue()[:500]}")
    return Judged(
        said["verdict"],
        {step["step"]: step["state"] for step in said["path"]},
        tuple((each["step"], each["severity"], each["cause"]) for each in said["findings"]),
        tuple(
            (step["step"], each["evidence"])
            for step in said["path"]
            for each in step["missing"]
            if each["evidence"] not in ALWAYS
        ),
    )


def tried(
    image: str, lower: Path, key: Path, seed: int, healthy: bool, known: dict[str, dict[str, object]], only_known: bool
) -> Case:
    """The server that this seed means, judged and booted; what is `known` of it is not booted again."""
    with layered(lower) as root:
        root.write(NETWORK_FILE, NETWORK)
        case = Case(image, seed, "control", (), "unbroken")
        if healthy:
            case.kind, case.told = "healthy", hardened(random.Random(seed), root)
        elif seed % CONTROL:
            chosen, case.told = broken(seed, root)
            case.kind, case.steps = chosen.name, chosen.steps
        try:
            for user in USERS:
                case.judged[user] = judged(root, user, key.with_name(key.name + ".pub"))
        except Exception as problem:
            case.trouble = f"{type(problem).__name__}: {problem}"
            return case
        seen = known.get(identity(case))
        if seen is None and only_known:
            case.trouble = "not known"
            return case
        if seen is None:
            try:
                found = boot(root, key, USERS)
            except (OSError, subprocess.SubprocessError) as problem:
                case.trouble = f"no boot: {problem}"
                return case
            seen = {"login": found.login, "saying": found.saying, "seconds": found.seconds, "ended": found.ended}
            case.console = found.console
        for name, value in seen.items():
            setattr(case, name, value)
        return case


def identity(case: Case) -> str:
    return f"{case.image} {case.kind} {case.told}" + (
        f" {case.seed}" if "garbage" in case.told or "others" in case.told else ""
    )


def places(image: str) -> tuple[Path, Path]:
    """The image's files and the key that opens them; built if they are not there."""
    made = ensure_image(recipes_directory(), image)
    return made.root, made.key


def sweep(
    image: str,
    seeds: Iterable[int],
    *,
    workers: int,
    seconds: float,
    healthy: bool,
    truth: Path | None = None,
    only_known: bool = False,
) -> Iterator[Case]:
    """Each case as it is done."""
    lower, key = places(image)
    known: dict[str, dict[str, object]] = {}
    if truth is not None and truth.exists():
        known = {one["what"]: one["seen"] for line in truth.read_text().splitlines() for one in [json.loads(line)]}
    deadline = time.monotonic() + seconds
    waiting = iter(seeds)
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        running: set[Future[Case]] = set()
        while True:
            while len(running) < workers and time.monotonic() < deadline:
                seed = next(waiting, None)
                if seed is None:
                    break
                running.add(pool.submit(tried, image, lower, key, seed, healthy, known, only_known))
            if not running:
                return
            done = next(as_completed(running))
            running.remove(done)
            case = done.result()
            if truth is not None and not case.trouble and identity(case) not in known:
                seen = {name: getattr(case, name) for name in ("login", "saying", "seconds", "ended")}
                with truth.open("a") as stream:
                    stream.write(json.dumps({"what": identity(case), "seen": seen}) + "\n")
            yield case


def main() -> int:
    """Sweep; 1 where a path was called clear or a guilty step ok, or a healthy server broken; 2 for a void run."""
    options = argparse.ArgumentParser(prog="fuzz-clear", description=__doc__)
    options.add_argument("--seed", type=int, default=1, help="the first one")
    options.add_argument("--count", type=int, default=100)
    options.add_argument("--seconds", type=float, default=1e9, help="begin none after so many")
    options.add_argument("--image", default="debian12")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--healthy", action="store_true", help="hardened servers on which nothing is wrong")
    options.add_argument("--truth", type=Path, help="a file for what boots showed, so that it need not be asked again")
    options.add_argument("--known", action="store_true", help="boot nothing: only what --truth knows")
    options.add_argument("--out", type=Path, help="a file for every case, one JSON object a line")
    given = options.parse_args()
    if reason := why_not():
        print(f"fuzz-clear: {reason}")
        return 2
    cases: list[Case] = []
    seeds = range(given.seed, given.seed + given.count)
    for case in sweep(
        given.image,
        seeds,
        workers=given.workers,
        seconds=given.seconds,
        healthy=given.healthy,
        truth=given.truth,
        only_known=given.known,
    ):
        if case.trouble == "not known":
            continue
        cases.append(case)
        _tell(case)
        if given.out:
            with given.out.open("a") as stream:
                stream.write(json.dumps(asdict(case)) + "\n")
    return _end(given, cases)


def _tell(case: Case) -> None:
    if case.trouble:
        print(f"seed {case.seed}: TROUBLE {case.trouble}\n    {case.kind}: {case.told}", flush=True)
        return
    for user in USERS:
        what = case.of(user)
        if (
            what in WORST
            or (what == "doubtful and in" and case.kind in ("healthy", "control"))
            or (case.kind in ("healthy", "control") and not case.login[user])
        ):
            said = case.judged[user]
            print(f"seed {case.seed}: {user}: {what}: {case.saying[user]}\n    {case.kind}: {case.told}")
            for each in (*said.findings, *said.gaps):
                print("   ", *each)
            sys.stdout.flush()


def _end(given: argparse.Namespace, cases: list[Case]) -> int:
    good = [case for case in cases if not case.trouble]
    counts: dict[str, Counter[str]] = {user: Counter(case.of(user) for case in good) for user in USERS}
    total = sum(counts.values(), Counter())
    void = [case.seed for case in good if case.kind in ("control", "healthy") and not all(case.login.values())]
    locked = sum(not all(case.login.values()) for case in good)
    print(f"{total['clear but no login']} clear but no login")
    print(f"{total['ok but guilty']} ok but guilty (of {locked} servers that somebody can't log in to)")
    print(f"{total['another step named']} named, but at another step than what the client saw")
    print(f"{total['nothing named but what is never judged']} not named, at a step that is never judged whole")
    print(f"{total['false alarm']} false alarms, {total['doubtful and in']} doubtful although the login works")
    for user in USERS:
        print(f"  {user}: " + ", ".join(f"{number} {what}" for what, number in sorted(counts[user].items())))
    kinds = Counter(case.kind for case in good for user in USERS if case.of(user) in WORST[:4])
    print(
        "  kinds that were not named: "
        + (", ".join(f"{number} {name}" for name, number in kinds.most_common()) or "none")
    )
    trouble = [case.seed for case in cases if case.trouble]
    print(
        f"{given.image}, {len(cases)} servers from seed {given.seed}"
        + (f"; could not be judged: {trouble}" if trouble else "")
    )
    if void:
        print(f"VOID: nobody could log in to servers on which nothing is wrong: seeds {void}")
        return 2
    wrong = total["clear but no login"] + total["ok but guilty"] + len(trouble)
    if given.healthy:
        wrong += total["false alarm"] + total["doubtful and in"]
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    sys.exit(main())
