"""``python -m scripts.developer.bench RECIPES [ROUNDS [NAME]]``: what people wait for, beside what they would use else.

Commands are run in turn, not one after another, so that a busy minute hits all of them. Wall time is the person's;
CPU is that of the process and its children (getrusage(2)), which a busy machine changes less.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from rescue.examine import examine
from rescue.labs.images.disks import make_ext4
from rescue.labs.images.image import BuiltImage, ensure_image
from rescue.labs.images.layout import stable_uuid
from rescue.labs.machines.accelerate import KVM, accelerator
from rescue.labs.machines.boot import boot_files
from rescue.model import Client
from rescue.survey import survey
from rescue.targets.appliance import target as guestfs
from rescue.targets.files.directory import DirectoryTarget
from rescue.tree import Read
from scripts.developer import bench_firewall, bench_sshd

CLEAR, INCOMPLETE = 0, 3
FILES = 300_000
"""Files of a large server: memory must not grow with them."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one run, and the most memory that one of its processes had, in bytes (0: not measured)."""

    wall: float
    cpu: float
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """Something to time. peer: the name of the case that it is compared with. before: done first, and not timed."""

    name: str
    run: Callable[[], Timing]
    peer: str = ""
    before: Callable[[], object] = lambda: None


def main(arguments: list[str]) -> int:
    """Print the table."""
    recipes, rounds = Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 5
    only = arguments[2] if len(arguments) > 2 else ""

    def say(message: str) -> None:
        print(f"... {message}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="rescue-bench-") as place:
        cases = _firewall(Path(place))
        if not any(only and case.name.startswith(only) for case in cases):
            image, lvm = ensure_image(recipes, "debian12", say), ensure_image(recipes, "debian12-lvm", say)
            cases = [*_cases(image, lvm, Path(place), say), *cases]
        cases = [case for case in cases if only in case.name or only in case.peer]
        timings: dict[str, list[Timing]] = {case.name: [] for case in cases}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for case in cases:
                case.before()
                timings[case.name].append(case.run())
    _print(cases, timings, rounds)
    if any(case.name.startswith("iptables,") for case in cases):
        print(bench_firewall.ELSEWHERE)
    return 0


def _firewall(folder: Path) -> list[Case]:
    """Large rule files, read and judged by us, and read by the tools that load them."""
    cases = []
    for kind in bench_firewall.PEERS:
        for count in bench_firewall.SIZES:
            name = f"{kind.removesuffix(' ports')}, {count:,} {bench_firewall.UNITS.get(kind, 'elements')}"
            root = folder / name.replace(" ", "-")
            path = bench_firewall.server(root, kind, count)
            ours = [sys.executable, "-m", "rescue", "firewall", str(root)]
            status = CLEAR if kind in bench_firewall.OPEN else INCOMPLETE
            command = bench_firewall.peer(kind, path)
            tool = f"{' '.join(bench_firewall.PEERS[kind])}, {name.partition(', ')[2]}" if command else ""
            cases.append(Case(name, partial(_timed, ours, os.environ, status), tool))
            if command is not None:
                cases.append(Case(tool, partial(_timed, command, os.environ, CLEAR)))
    return cases


def _cases(image: BuiltImage, lvm: BuiltImage, place: Path, say: Callable[[str], None]) -> list[Case]:
    environment = _environment(image)
    program = [sys.executable, "-m", "rescue"]
    say("making the disks")
    raw, qcow2, lvm_qcow2 = image.disk, place / "server.qcow2", place / "lvm.qcow2"
    for source, made in ((raw, qcow2), (lvm.disk, lvm_qcow2)):
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, made], check=True)
    many = place / "many"
    _many_files(image.root, many)
    many_disk = place / "many.raw"
    make_ext4(many, many_disk, "6G", uuid=stable_uuid("many files"))

    def command(*words: str | Path, status: int = CLEAR, **more: str) -> Callable[[], Timing]:
        return lambda: _timed([str(word) for word in words], {**environment, **more}, status)

    def inspect(disk: Path, backend: str) -> Callable[[], Timing]:
        return command(*program, "inspect", "--backend", backend, disk, status=INCOMPLETE)

    def capture() -> Timing:
        bundle = place / "many.bundle"
        bundle.unlink(missing_ok=True)
        return command(*program, "capture", "--backend", "kernel", many_disk, "-o", bundle)()

    cases = [
        Case("rescue --version", command(*program, "--version")),
        Case("rescue inspect DIRECTORY", command(*program, "inspect", image.root, status=INCOMPLETE)),
        Case(f"rescue inspect, {FILES:,} files", command(*program, "inspect", many, status=INCOMPLETE)),
        Case(f"rescue space, {FILES:,} files", command(*program, "space", many)),
        Case(f"rescue inspect, {FILES:,} files (kernel)", inspect(many_disk, "kernel")),
        Case(f"rescue capture, {FILES:,} files (kernel)", capture),
        Case("rescue inspect raw (kernel)", inspect(raw, "kernel"), "guestfish -i"),
        Case("rescue inspect qcow2 (kernel)", inspect(qcow2, "kernel"), "guestfish -i"),
        Case("rescue inspect LVM qcow2 (kernel)", inspect(lvm_qcow2, "kernel"), "guestfish -i LVM"),
    ]
    if guestfs.available() and shutil.which("guestfish"):
        say("saving the appliance, if it is not saved yet")
        inspect(qcow2, "guestfs")()
        launch: list[str | Path] = [*program, "inspect", "--backend", "guestfs", qcow2]
        booted = command(*launch, status=INCOMPLETE, RESCUE_APPLIANCE="launch")
        cases += [
            Case("rescue inspect qcow2 (libguestfs)", inspect(qcow2, "guestfs"), "guestfish run"),
            Case("rescue inspect qcow2 (booted each time)", booted, "guestfish run"),
            Case("rescue inspect LVM qcow2 (libguestfs)", inspect(lvm_qcow2, "guestfs"), "guestfish run LVM"),
            Case("guestfish run", command("guestfish", "--ro", "-a", qcow2, "run")),
            Case("guestfish run LVM", command("guestfish", "--ro", "-a", lvm_qcow2, "run")),
            Case("guestfish -i", command("guestfish", "--ro", "-i", "-a", qcow2, "exit")),
            Case("guestfish -i LVM", command("guestfish", "--ro", "-i", "-a", lvm_qcow2, "exit")),
        ]
    if guestfs.available() and shutil.which("virt-customize"):
        cases += _fixes(raw, place, program, command)
    if shutil.which("virt-inspector"):
        inspector = command("virt-inspector", "-a", qcow2)
        cases.append(Case("virt-inspector", inspector, "rescue inspect qcow2 (libguestfs)"))
    return [*cases, *_in_process(image)]


def _fixes(raw: Path, place: Path, program: list[str], command: Callable[..., Callable[[], Timing]]) -> list[Case]:
    """The same repair by us and by hand: a server with /etc/nologin in it."""
    broken = place / "broken.raw"
    subprocess.run(["cp", "--sparse=always", raw, broken], check=True)

    def put_nologin() -> None:
        subprocess.run(["debugfs", "-w", "-R", "write /dev/null /etc/nologin", broken], check=True, capture_output=True)

    fix = [*program, "fix", "--backend", "guestfs", "--yes", broken]
    ours = command(*fix, status=INCOMPLETE)
    booted = command(*fix, status=INCOMPLETE, RESCUE_APPLIANCE="launch")
    theirs = command("virt-customize", "-a", broken, "--delete", "/etc/nologin")
    return [
        Case("rescue fix raw (libguestfs)", ours, "virt-customize", put_nologin),
        Case("rescue fix raw (booted each time)", booted, "virt-customize", put_nologin),
        Case("virt-customize", theirs, before=put_nologin),
    ]


def _many_files(root: Path, made: Path) -> None:
    """A server, and a great many files beside it."""
    subprocess.run(["cp", "-a", "--", root, made], check=True)
    for number in range(FILES // 300):
        directory = made / "var" / "www" / f"{number // 30}" / f"{number}"
        directory.mkdir(parents=True)
        for each in range(300):
            (directory / f"{each}.html").touch()


def _in_process(image: BuiltImage) -> list[Case]:
    """The pure part alone: the checks of a snapshot that holds all of /etc."""
    target = DirectoryTarget(str(image.root), name="image", method="directory", write=False)
    try:
        tree, _ = survey(target, Client())
        tree = tree.merged(target.capture([Read("/etc")]))
    finally:
        target.close()
    connections, checks = bench_sshd.connections(), bench_sshd.checks(tree)
    lines = f"{bench_sshd.LINES:,} lines, {bench_sshd.BLOCKS} Match"
    return [
        Case(f"examination of {len(tree):,} entries", lambda: _clocked(lambda: examine(tree, Client()))),
        Case(f"sshd: {bench_sshd.CONNECTIONS:,} clients, {lines}", lambda: _clocked(connections)),
        Case(f"sshd: all checks, {bench_sshd.ACCOUNTS} accounts", lambda: _clocked(checks)),
    ]


def _environment(image: BuiltImage) -> Mapping[str, str]:
    """What makes the peers work here too: without KVM libguestfs has to be told so."""
    told = dict(os.environ, LIBGUESTFS_BACKEND="direct")
    if accelerator(boot_files(image)) != KVM:
        told["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    return told


def _timed(command: list[str], environment: Mapping[str, str], status: int) -> Timing:
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=environment
        )
        _, ended, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(ended)
        if process.returncode != status:
            said.seek(0)
            told = said.read().decode("utf-8", "replace")
            raise SystemExit(f"{' '.join(command)}: status {process.returncode}\n{told}")
    return Timing(wall, used.ru_utime + used.ru_stime, used.ru_maxrss << 10)


def _clocked(work: Callable[[], object]) -> Timing:
    before, started = time.process_time(), time.monotonic()
    work()
    return Timing(time.monotonic() - started, time.process_time() - before)


def _print(cases: list[Case], timings: Mapping[str, list[Timing]], rounds: int) -> None:
    print(f"medians of {rounds} rounds, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<40}{'wall':>10}{'CPU':>10}{'memory':>9}   ratio")
    walls = {name: median(each.wall for each in found) for name, found in timings.items()}
    cpus = {name: median(each.cpu for each in found) for name, found in timings.items()}
    for case in cases:
        memory = max(each.memory for each in timings[case.name]) >> 20
        ratio = ""
        if case.peer in cpus:
            wall, cpu = walls[case.name] / walls[case.peer], cpus[case.name] / cpus[case.peer]
            ratio = f"{wall:6.3f} (CPU {cpu:.3f}) of {case.peer}"
        print(
            f"{case.name:<40}{walls[case.name]:>8.3f} s{cpus[case.name]:>8.3f} s"
            f"{f'{memory} MB' if memory else '':>9}   {ratio}".rstrip()
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
