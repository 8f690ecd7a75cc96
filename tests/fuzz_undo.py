"""Undo logs damaged at random, and what history, undo and fix make of them. See scripts/fuzz-undo."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from rescue.cli import main as rescue
from rescue.undo_log.encoding import FIX_ID
from tests.system.test_bad_input import plant

STATUSES = {"history": {0, 5}, "undo": {0, 5}, "fix": {0, 3, 5}}
OWN_RUN = 'mount --bind "$0" /run && exec "$@"'
"""What is remembered of the last target lies in /run: the sweep has its own."""

Chance = random.Random
Damage = Callable[[Chance, Path], None]


def _any(chance: Chance, places: list[Path]) -> Path | None:
    return chance.choice(sorted(places)) if places else None


def _content(chance: Chance, path: Path) -> None:
    """Other bytes in a file: cut off, a bit turned, zeros, junk, none."""
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data)) if data else 0
    way = chance.randrange(6)
    if way == 0:
        data = data[:at]
    elif way == 1 and data:
        data[at] ^= 1 << chance.randrange(8)
    elif way == 2:
        data[at:] = bytes(len(data) - at)
    elif way == 3:
        data = bytearray(chance.randbytes(chance.randrange(200)))
    elif way == 4:
        data = bytearray()
    elif data:
        data[at] = chance.randrange(256)
    path.write_bytes(data)


def _record(chance: Chance, fix: Path) -> None:
    if (fix / "record.json").is_file():
        _content(chance, fix / "record.json")


def _forged(chance: Chance, fix: Path) -> None:
    """One value of the record is another, and no check is there to tell."""
    try:
        made = json.loads((fix / "record.json").read_bytes())
        holder = chance.choice([made, *made["changes"], *(each["before"] or made for each in made["changes"])])
    except (OSError, ValueError, LookupError, TypeError):
        return
    made.pop("check", None)
    name = chance.choice(sorted(holder))
    holder[name] = chance.choice(
        [None, 0, -1, 1 << 70, "", "x", "/etc", [], {}, True, "done", "started", "undoing", "prepared", "\udcff", 1.5]
    )
    (fix / "record.json").write_text(json.dumps(made))


def _kept(chance: Chance, fix: Path) -> None:
    if path := _any(chance, [each for each in fix.glob("before/*") if each.is_file() and not each.is_symlink()]):
        path.unlink() if chance.random() < 0.5 else _content(chance, path)


def _gone(chance: Chance, fix: Path) -> None:
    if path := _any(chance, list(fix.rglob("*"))):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _exchanged(chance: Chance, fix: Path) -> None:
    """Something of another kind."""
    _gone(chance, fix)
    path = fix / chance.choice(["record.json", "changes.diff", "before", "before/0001", "before/0002"])
    if os.path.lexists(path) or not path.parent.is_dir():
        return
    kinds: list[Callable[[], None]] = [
        path.mkdir,
        lambda: os.mkfifo(path),
        lambda: path.symlink_to("/etc/hostname"),
        path.touch,
    ]
    chance.choice(kinds)()


def _beside(chance: Chance, fix: Path) -> None:
    """Files of a kill, or of a stranger."""
    names = [".rescue-0123456789abcdef", "before/.rescue-1", ".abcdefgh", "notes", "before/notes", "before/0099"]
    path = fix / chance.choice(names)
    if path.parent.is_dir() and not os.path.lexists(path):
        path.write_bytes(chance.randbytes(20))


def _folder(chance: Chance, fix: Path) -> None:
    """One folder more, with anything in it."""
    other = fix.with_name(chance.choice(["20200101T000000Z", "20990101T000000Z", f"{fix.name}-2", "nonsense"]))
    if os.path.lexists(other):
        return
    shutil.copytree(fix, other, symlinks=True, ignore=lambda at, names: [n for n in names if chance.random() < 0.3])


def _since(chance: Chance, fix: Path) -> None:
    """A file of the server was changed since."""
    root = fix.parents[4]
    path = root / chance.choice(["etc/ssh/sshd_config", "etc/nologin"])
    if chance.random() < 0.5:
        path.unlink(missing_ok=True)
    else:
        path.write_text(f"by hand {chance.random()}\n")


DAMAGES: tuple[Damage, ...] = (_record, _record, _record, _forged, _kept, _gone, _exchanged, _beside, _folder, _since)


def _called(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = rescue(words)
    return status, out.getvalue(), err.getvalue()


def server_contents(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """What is outside the undo log."""
    log = root / "var/lib/rescue"
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, path.lstat().st_uid, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(log)
    }


def old_contents(root: Path) -> Counter[tuple[str, bytes]]:
    """What lies in before/ of each fix, under a name of ours."""
    return Counter(
        (f"{path.parent.parent.name}/{path.name}", path.read_bytes())
        for path in root.glob("var/lib/rescue/fixes/*/before/*")
        if FIX_ID.fullmatch(path.parent.parent.name) and path.is_file() and not path.is_symlink()
        and not path.name.startswith(".")
    )  # fmt: skip


def _prepared(root: Path) -> set[str]:
    """Fixes whose record says, and may say, that nothing of them was begun."""
    found = set()
    for path in root.glob("var/lib/rescue/fixes/*/record.json"):
        try:
            made = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(made, dict) and made.get("state") == "prepared":
            found.add(path.parent.name)
    return found


class Sweep:
    """One server that was fixed twice, and copies of it that are damaged."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.ended: Counter[str] = Counter()
        self._made = place / "made"
        self._made.mkdir()
        plant(self._made, {"/etc/machine-id": "1" * 32 + "\n"})
        self._known = {path.read_bytes() for path in self._made.rglob("*") if path.is_file() and not path.is_symlink()}
        for config in ("UsePAM yes\nPermitRootLogn prohibit-password\n", None):
            if config:
                (self._made / "etc/ssh/sshd_config").write_text(config)
            (self._made / "etc/nologin").write_text("closed\n")
            self._known |= {what[2] for what in server_contents(self._made).values()}
            status, _, said = _called("fix", str(self._made), "--yes", "--unsafe", "--quiet")
            assert status in (0, 3), said
        assert len(list((self._made / "var/lib/rescue/fixes").iterdir())) == 2

    def run(self, seed: int) -> list[str]:
        """What went wrong with this seed's server."""
        chance = random.Random(seed)
        root = self._place / "root"
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self._made), str(root)], check=True)
        fixes = sorted((root / "var/lib/rescue/fixes").iterdir())
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            chance.choice(DAMAGES)(chance, chance.choice(fixes))
        wrong: list[str] = []
        for _ in range(chance.randrange(1, 5)):
            verb = chance.choice(["history", "undo", "undo", "fix"])
            words = [verb, str(root)]
            if verb == "undo" and chance.random() < 0.4:
                words.append(chance.choice(fixes).name)
            dry = verb != "history" and chance.random() < 0.3
            if verb != "history":
                words.append("--dry-run" if dry else "--yes")
            if chance.random() < 0.3:
                words.append("--json")
            wrong += self._step(root, words, writes=verb != "history" and not dry)
        return wrong

    def _step(self, root: Path, words: list[str], *, writes: bool) -> list[str]:
        before, kept, prepared = server_contents(root), old_contents(root), _prepared(root)
        status, out, err = _called(*words)
        self.ended[f"{words[0]} {status}"] += 1
        told = f"{' '.join(words)}: status {status}"
        wrong = []
        if status not in STATUSES[words[0]]:
            wrong.append(f"{told}, which is not documented for it: {err}")
        if "Traceback" in out + err or "fault of rescue" in out + err:
            wrong.append(f"{told}: {err}")
        if status and not err.strip() and "--json" not in words and words[0] != "fix":
            wrong.append(f"{told}, and nothing is said")
        if "--json" in words:
            try:
                json.loads(out)
            except ValueError:
                wrong.append(f"{told}: no document: {out[:80]!r}")
        if (not writes or (status and words[0] == "undo" and "interrupted" not in out + err)) and (
            server_contents(root) != before
        ):
            wrong.append(f"{told}, and files of the server changed: {err}")
        elif words[0] == "undo" and writes:
            after = server_contents(root)
            strange = [path for path in after if after[path] != before.get(path) and after[path][2] not in self._known]
            if strange:
                wrong.append(f"{told}, and {strange} are as they never were")
        now = old_contents(root)
        lost = [name for name, _ in (kept - now) if name.split("/")[0] not in prepared]
        if lost:
            wrong.append(f"{told}, and the old contents {lost} are gone: {err}")
        return wrong


def main(words: list[str]) -> int:
    """Print each seed with which something went wrong; status 1 if there was one."""
    if os.geteuid() != 0:
        print("fuzz-undo: this needs root")
        return 1
    seed = int(words[0]) if words else random.SystemRandom().randrange(10**9)
    count = int(words[1]) if len(words) > 1 else 200
    with tempfile.TemporaryDirectory(prefix="undo-") as place:
        if os.environ.get("RESCUE_OWN_RUN") is None:
            command = [sys.executable, "-m", "tests.fuzz_undo", str(seed), str(count)]
            return subprocess.run(
                ["unshare", "--mount", "sh", "-c", OWN_RUN, place, *command], check=False,
                env={**os.environ, "RESCUE_OWN_RUN": "1"},
            ).returncode  # fmt: skip
        sweep, failed = Sweep(Path(place)), 0
        for number in range(seed, seed + count):
            for each in sweep.run(number):
                failed += 1
                print(f"seed {number}: {each}")
        print(", ".join(f"{what}: {number}" for what, number in sorted(sweep.ended.items())))
    print(f"{count} servers from seed {seed}: {failed} things went wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
