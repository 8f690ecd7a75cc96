"""``python -m rescue.labs.bench RECIPES [ROUNDS]``: what people wait for, beside what they would use else.

Commands are run in turn, not one after another, so that a busy minute hits all of them. Wall time is the person's;
CPU is that of the process and its children (getrusage(2)), which a busy machine changes less.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rescue.examine import examine
from rescue.labs.accelerate import KVM, accelerator
from rescue.labs.boot import boot_files
from rescue.labs.image import Image, ensure_image
from rescue.model import Client
from rescue.survey import survey
from rescue.target.directory import DirectoryTarget
from rescue.tree import Read

CLEAR = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one run."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Case:
    """Something to time. peer: the name of the case that it is compared with."""

    name: str
    run: Callable[[], Timing]
    peer: str = ""


def main(arguments: list[str]) -> int:
    """Print the table."""
    recipes, rounds = Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 5
    image = ensure_image(recipes, "debian12", lambda message: print(f"... {message}", file=sys.stderr))
    cases = _cases(image)
    timings: dict[str, list[Timing]] = {case.name: [] for case in cases}
    for number in range(rounds):
        print(f"... round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for case in cases:
            timings[case.name].append(case.run())
    _print(cases, timings, rounds)
    return 0


def _cases(image: Image) -> list[Case]:
    environment = _environment(image)
    program = [sys.executable, "-m", "rescue"]
    disk = str(image.disk)

    def command(*words: str, status: int = CLEAR) -> Callable[[], Timing]:
        return lambda: _timed(list(words), environment, status)

    cases = [
        Case("rescue --version", command(*program, "--version")),
        Case("rescue inspect DIRECTORY", command(*program, "inspect", str(image.root))),
        Case(
            "rescue inspect IMAGE (kernel)", command(*program, "inspect", "--backend", "kernel", disk), "guestfish -i"
        ),
    ]
    if shutil.which("guestfish"):
        guestfs = command(*program, "inspect", "--backend", "guestfs", disk)
        cases += [
            Case("rescue inspect IMAGE (libguestfs)", guestfs, "guestfish -i"),
            Case("guestfish -i", command("guestfish", "--ro", "-i", "-a", disk, "exit")),
        ]
    if shutil.which("virt-inspector"):
        cases.append(Case("virt-inspector", command("virt-inspector", "-a", disk), "guestfish -i"))
    return [*cases, *_in_process(image)]


def _in_process(image: Image) -> list[Case]:
    """The pure part alone: the checks of a picture that holds all of /etc."""
    target = DirectoryTarget(str(image.root), name="image", method="directory", write=False)
    try:
        tree, _ = survey(target, Client())
        tree = tree.merged(target.capture([Read("/etc")]))
    finally:
        target.close()
    return [Case(f"examination of {len(tree):,} entries", lambda: _clocked(lambda: examine(tree, Client())))]


def _environment(image: Image) -> Mapping[str, str]:
    """What makes the peers work here too: without KVM libguestfs has to be told so."""
    told = dict(os.environ, LIBGUESTFS_BACKEND="direct")
    if accelerator(boot_files(image)) != KVM:
        told["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    return told


def _timed(command: list[str], environment: Mapping[str, str], status: int) -> Timing:
    before, started = _children(), time.monotonic()
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    timing = Timing(time.monotonic() - started, _children() - before)
    if ended.returncode != status:
        raise SystemExit(f"{' '.join(command)}: status {ended.returncode}\n{ended.stderr}")
    return timing


def _clocked(work: Callable[[], object]) -> Timing:
    before, started = time.process_time(), time.monotonic()
    work()
    return Timing(time.monotonic() - started, time.process_time() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print(cases: list[Case], timings: Mapping[str, list[Timing]], rounds: int) -> None:
    print(f"medians of {rounds} rounds, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<36}{'wall':>10}{'CPU':>10}   ratio of CPU")
    walls = {name: median(each.wall for each in found) for name, found in timings.items()}
    cpus = {name: median(each.cpu for each in found) for name, found in timings.items()}
    for case in cases:
        ratio = f"{cpus[case.name] / cpus[case.peer]:8.3f} of {case.peer}" if case.peer in cpus else ""
        print(f"{case.name:<36}{walls[case.name]:>8.3f} s{cpus[case.name]:>8.3f} s   {ratio}".rstrip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
