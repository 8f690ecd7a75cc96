"""Real fixes and undos killed, starved and torn: every file is old or new, and the next run ends what was begun.

A child process works on a real directory and on a real ext4. It is killed at its own system calls (strace injects
SIGKILL at each that changes a file system), killed at random moments, and given errors where a disk gives them.

RESCUE_CRASH_POINTS says how many moments are tried in each test (0: all of them); the default is few, and another
choice every day, so that all are tried in time. RESCUE_CRASH_SEED repeats a choice.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from traceback import format_exc

import pytest

from rescue.apply import ApplyError, Conflict, apply_changes, history, interrupted, recover, undo
from rescue.targets.protocol import TargetBusy, TargetError
from rescue.tree import Change, Entry, Read, Tree, directory, symlink
from rescue.undo_log import State
from tests.system.real_root import Snapshot, ext4, free_of_flags, make, opened, set_flags, snapshot
from tests.trees import server

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

POINTS = int(os.environ.get("RESCUE_CRASH_POINTS", "24"))
SEED = int(os.environ.get("RESCUE_CRASH_SEED", datetime.now(UTC).strftime("%Y%m%d")))
RESULT = 199
"""The child's descriptor for what it has to say."""
CALLS = (
    "write", "pwrite64", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir",
    "symlink", "symlinkat", "fsync", "fdatasync", "syncfs", "ftruncate", "fallocate", "chmod", "fchmod", "fchmodat",
    "fchown", "fchownat", "fsetxattr", "setxattr", "lsetxattr", "fremovexattr", "utimensat", "ioctl", "openat",
)  # fmt: skip


def broken() -> Tree:
    """A server with something of every kind to repair, all of its files of one age."""
    tree = server(
        {
            "/etc/nologin": "closed\n",
            "/etc/resolv.conf": "nameserver 192.0.2.1\n",
            "/home/alice/.ssh": directory(0o777, 1000, 1000),
            "/etc/systemd/system/ssh.service": symlink("/dev/null"),
            "/etc/swap": directory(0o750, 5, 6),
        }
    )
    entries = {path: tree.lentry(path) for path in tree.paths()}
    return tree.with_entries({str(path): replace(entry, mtime=10**18) for path, entry in entries.items() if entry})


def changes(root: Path) -> tuple[Change, ...]:
    """A fix of every kind."""
    with opened(root) as target:
        tree = target.capture([Read("/etc"), Read("/home")])
    after = tree.write("/etc/ssh/sshd_config", "Port 22\n").write("/etc/resolv.conf", "nameserver 198.51.100.1\n")
    after = after.remove("/etc/nologin", "/etc/systemd/system/ssh.service")
    after = after.set_mode("/home/alice/.ssh", mode=0o700, uid=0).remove("/etc/swap").write("/etc/swap", "a file\n")
    after = after.write("/etc/ufw/applications.d/ssh", "[OpenSSH]\n", mode=0o600)
    after = after.make_link("/etc/systemd/system/sshd.service", "/usr/lib/systemd/system/ssh.service")
    return after.since(tree)


@pytest.fixture(params=["directory", "ext4"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An empty file system to put servers on."""
    if request.param == "directory":
        yield tmp_path
    else:
        with ext4(tmp_path, mib=64) as mount:
            yield mount


_numbers = iter(range(10_000_000))


def fresh(place: Path) -> Path:
    """Another broken server."""
    root = place / f"root{next(_numbers)}"
    root.mkdir()
    make(root, broken())
    set_flags(root / "etc/resolv.conf", 0x10)
    set_flags(root / "etc/ssh", 0x10)
    return root


def gone(root: Path) -> None:
    free_of_flags(root)
    subprocess.run(["rm", "-rf", str(root)], check=True)


@contextmanager
def server_on(place: Path) -> Iterator[tuple[Path, Snapshot]]:
    root = fresh(place)
    try:
        yield root, snapshot(root)
    finally:
        gone(root)


# -- what must hold ----------------------------------------------------------------------------------------------

TIME = -1
"""Where a snapshot's tuple has the modification time."""
FLAGS = -2
METADATA = {b"home/alice/.ssh"}
TWO_STEPS = {b"etc/swap"}
PROTECTED = {b"etc/resolv.conf", b"etc/ssh"}


def old_or_new(now: Snapshot, old: Snapshot, new: Snapshot) -> None:
    """No file is torn; what a kill may leave besides is a temporary file that no program reads."""
    for path in old.keys() | new.keys():
        sides = [_timeless(each.get(path), path) for each in (old, new)]
        if path in TWO_STEPS and path not in now:
            continue
        if path in METADATA:
            # chown(2) and chmod(2) are two calls: each attribute is old or new.
            found = now[path]
            assert all(found[at] in (old[path][at], new[path][at]) for at in range(len(found) - 1)), path
            continue
        assert _timeless(now.get(path), path) in sides, path
    for path in now.keys() - old.keys() - new.keys():
        assert os.path.basename(path).startswith(b".rescue-"), path  # noqa: PTH119  in bytes


def _timeless(what: tuple[object, ...] | None, path: bytes) -> tuple[object, ...] | None:
    if what is None:
        return None
    # The immutable flag, of the file or of the directory around it, is off for the time of the exchange.
    return what[:FLAGS] if path in PROTECTED else what[:TIME]


def ended(root: Path, old: Snapshot, new: Snapshot) -> str:
    """The next run ends what was begun, says what it did, and undo gives the first state back. Returns what it was."""
    old_or_new(snapshot(root), old, new)
    with opened(root) as target:
        begun = interrupted(target)
        done = recover(target)
        assert [each.record.id for each in done] == ([begun.id] if begun else [])
        for each in done:
            assert "was interrupted" in each.words
        last = history(target)[-1].state if history(target) else None
        now = snapshot(root)
        if last is State.DONE:
            assert {path: what[:TIME] for path, what in now.items()} == {
                path: what[:TIME] for path, what in new.items()
            }
            undo(target)
        assert snapshot(root) == old
        assert recover(target) == ()
    return ("was " + begun.state if begun else "not begun") + f", is {last}"


def sample(points: list[tuple[str, int]], salt: str) -> list[tuple[str, int]]:
    if POINTS == 0 or len(points) <= POINTS:
        return points
    return random.Random(f"{SEED} {salt}").sample(points, POINTS)


def both(place: Path) -> tuple[Snapshot, Snapshot]:
    """The server before and after the whole fix."""
    with server_on(place) as (root, old):
        with opened(root) as target:
            apply_changes(target, changes(root))
        return old, snapshot(root)


# -- killed and starved at its own system calls ------------------------------------------------------------------


@dataclass(frozen=True)
class Finished:
    """How a child ended: its exit status, or minus the signal that killed it; what it said."""

    status: int
    said: str


def traced(root: Path, what: str, *inject: str, log: Path) -> Finished:
    """A child that makes the fix, or undoes it, with strace attached to it from its first call on."""
    work = changes(root) if what == "fix" else ()
    (ready, go), (told, tell) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        os.dup2(tell, RESULT)
        os.read(ready, 1)
        status, said = child(root, what, work)
        os.write(RESULT, said.encode())
        os._exit(status)
    os.close(ready)
    os.close(tell)
    words = ["strace", "-p", str(pid), "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    for each in inject:
        words += ["-e", f"inject={each}"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        assert "attached" in strace.stderr.readline()
        os.close(go)
        with os.fdopen(told) as stream:
            said = stream.read()
        _, status = os.waitpid(pid, 0)
    return Finished(os.waitstatus_to_exitcode(status), said)


def child(root: Path, what: str, work: tuple[Change, ...]) -> tuple[int, str]:
    """Make the fix, or undo it, as the command line would: the documented exit status, and what was said."""
    try:
        with opened(root) as target:
            if what == "undo":
                undo(target)
            else:
                apply_changes(target, work)
    except (ApplyError, TargetBusy) as problem:
        return 5, f"{problem} {problem.hint}"
    except TargetError as problem:
        return 4, f"{problem} {problem.hint}"
    except BaseException:
        return 1, format_exc()
    return 0, "applied"


def points_of(log: str) -> list[tuple[str, int]]:
    """Every call that changes a file system: its name and which of that name it is."""
    counts: Counter[str] = Counter()
    points = []
    for line in log.split("\n"):
        found = re.match(r"\w+\(", line)
        if not found:
            continue
        name = found[0][:-1]
        counts[name] += 1
        looking = name == "openat" and ("O_CREAT" not in line or ".lock" in line)
        if not looking and f"write({RESULT}," not in line:
            points.append((name, counts[name]))
    return points


@pytest.fixture
def logs(tmp_path: Path) -> Callable[[], Path]:
    numbers = iter(range(1_000_000))
    return lambda: tmp_path / f"trace{next(numbers)}"


def baseline(place: Path, what: str, log: Path) -> list[tuple[str, int]]:
    with server_on(place) as (root, _):
        if what == "undo":
            with opened(root) as target:
                apply_changes(target, changes(root))
        finished = traced(root, what, log=log)
        assert finished.status == 0, finished.said
    points = points_of(log.read_text())
    names = {name for name, _ in points}
    assert names >= {"rename", "fsync"} or names >= {"renameat", "fsync"}, names
    return points


@pytest.mark.parametrize("what", ["fix", "undo"])
def test_killed_at_any_system_call_every_file_is_old_or_new(place: Path, what: str, logs: Callable[[], Path]) -> None:
    old, new = both(place)
    points = baseline(place, what, logs())
    assert len(points) > 40
    outcomes: Counter[str] = Counter()
    for name, number in sample(points, f"kill {what}"):
        with server_on(place) as (root, before):
            assert before == old
            if what == "undo":
                with opened(root) as target:
                    apply_changes(target, changes(root))
            finished = traced(root, what, f"{name}:signal=SIGKILL:when={number}", log=logs())
            assert finished.status == -signal.SIGKILL, (name, number, finished)
            outcomes[ended(root, old, new)] += 1
    print(f"seed {SEED}: {dict(outcomes)}")


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
def test_an_error_of_any_system_call_leaves_the_old_state(place: Path, error: str, logs: Callable[[], Path]) -> None:
    old, new = both(place)
    points = [point for point in baseline(place, "fix", logs()) if point[0] not in ("close", "ioctl")]
    outcomes: Counter[str] = Counter()
    for name, number in sample(points, error):
        with server_on(place) as (root, _):
            finished = traced(root, "fix", f"{name}:error={error}:when={number}", log=logs())
            now = snapshot(root)
            if finished.status == 0:
                outcomes["applied all the same"] += 1  # of the last sync, or where there was another way
            else:
                said = finished.said
                assert finished.status == 5, (name, number, finished)
                assert "nothing was changed" in said or "was rolled back" in said, (name, number, said)
                # Only what is swept later may be there besides: a temporary file whose removal failed.
                for path in now.keys() - old.keys():
                    assert os.path.basename(path).startswith(b".rescue-"), (name, number, path)  # noqa: PTH119
                assert {path: now.get(path) for path in old} == old, (name, number)
                outcomes["rolled back" if "rolled back" in said else "nothing changed"] += 1
                with opened(root) as target:
                    assert not [each for each in history(target) if each.state is State.DONE]
                continue
            outcomes[ended(root, old, new)] += 1
    print(f"seed {SEED}: {dict(outcomes)}")
    assert outcomes["applied all the same"] * 3 <= sum(outcomes.values())


@pytest.mark.parametrize("error", ["EROFS", "EIO"])
def test_a_disk_that_fails_for_good_leaves_what_the_next_run_ends(
    place: Path, error: str, logs: Callable[[], Path]
) -> None:
    old, new = both(place)
    points = [(name, number) for name, number in baseline(place, "fix", logs()) if name in ("rename", "renameat")]
    outcomes: Counter[str] = Counter()
    for name, number in sample(points, f"lasting {error}"):
        with server_on(place) as (root, _):
            finished = traced(root, "fix", f"{name}:error={error}:when={number}+", log=logs())
            assert finished.status == 5, finished
            outcomes[finished.said.split(" (")[0].split(":")[0]] += 1
            ended(root, old, new)
    print(f"seed {SEED}: {dict(outcomes)}")


# -- killed at random moments ------------------------------------------------------------------------------------


def forked(root: Path, what: str, work: tuple[Change, ...], delay: float | None) -> tuple[float, bool]:
    """Fork a child that does the work, and kill it after `delay` seconds. Returns its seconds, and if it was killed."""
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(go)
            os.read(ready, 1)
            with opened(root) as target:
                if what == "fix":
                    apply_changes(target, work)
                elif what == "recover":
                    recover(target)
                else:
                    undo(target)
            status = 0
        finally:
            os._exit(status)
    os.close(ready)
    begun = time.monotonic()
    os.close(go)
    if delay is not None:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert delay is not None or status == 0
    return time.monotonic() - begun, os.WIFSIGNALED(status)


def test_killed_at_random_moments_fixes_and_undos_are_ended(place: Path) -> None:
    old, new = both(place)
    chance = random.Random(f"{SEED} moments")
    seconds = {}
    with server_on(place) as (root, _):
        seconds["fix"] = forked(root, "fix", changes(root), None)[0]
        seconds["undo"] = forked(root, "undo", (), None)[0]
    outcomes: Counter[str] = Counter()
    for _ in range(POINTS or 200):
        with server_on(place) as (root, _):
            what = chance.choice(["fix", "fix", "undo"])
            work = changes(root)
            if what == "undo":
                forked(root, "fix", work, None)
            _, killed = forked(root, what, work, chance.uniform(0, seconds[what] * 1.1))
            outcomes["killed" if killed else "finished before"] += 1
            if killed and chance.random() < 0.5:
                # The next run is killed as well.
                forked(root, "recover", (), chance.uniform(0, seconds["undo"]))
            outcomes[ended(root, old, new)] += 1
    print(f"seed {SEED}: {dict(outcomes)}")
    assert outcomes["killed"] > 0


# -- two at once -------------------------------------------------------------------------------------------------


def test_of_two_fixes_at_once_one_is_told_that_the_target_is_busy(place: Path) -> None:
    with server_on(place) as (root, old):
        work = changes(root)
        with opened(root) as target, target.lock():
            status, said = child(root, "fix", work)
            assert status == 5
            assert "another rescue is changing" in said
            assert snapshot(root) == old
        ends: Counter[str] = Counter()
        for _ in range(20):
            pids = [_started(root, work) for _ in range(2)]
            codes = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)
            # Whoever comes second is told that it is busy, or that the snapshot is an old one.
            assert codes == [0, 5]
            ends.update(map(str, codes))
            for change in work:
                assert os.path.lexists(root / str(change.path)[1:]) is (change.after is not None)
            with opened(root) as target:
                undo(target)
            assert snapshot(root) == old
        assert ends == {"0": 20, "5": 20}


def _started(root: Path, work: tuple[Change, ...]) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(child(root, "fix", work)[0])
    return pid


def test_a_change_by_somebody_else_between_the_kill_and_the_next_run_is_not_overwritten(place: Path) -> None:
    """The fix was killed after its third change; then a person edited a file."""
    with server_on(place) as (root, old):
        work = changes(root)
        pid = os.fork()
        if pid == 0:
            with opened(root) as target:
                real, count = target.put, [0]

                def put(path: PurePosixPath, entry: Entry) -> None:
                    real(path, entry)
                    count[0] += str(path) == "/etc/ssh/sshd_config"
                    if count[0]:
                        os.kill(os.getpid(), signal.SIGKILL)

                target.put = put  # type: ignore[method-assign]  # killed in the middle
                apply_changes(target, work)
            os._exit(0)
        assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        (root / "etc/ssh/sshd_config").write_text("by hand\n")
        with opened(root) as target, pytest.raises(Conflict, match="sshd_config"):
            recover(target)
        now = snapshot(root)
        assert now.pop(b"etc/ssh/sshd_config")[4] == b"by hand\n"
        old = {path: what for path, what in old.items() if path != b"etc/ssh/sshd_config"}
        assert now == old
        with opened(root) as target:
            assert recover(target) == ()
