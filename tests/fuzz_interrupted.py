"""Runs of the program that are ended at any moment, in any way: is anything left open? See scripts/fuzz-interrupted."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.machines.world import SIGNALS, World, interrupt, made_disk, new_world

LONGEST = 1.2
"""Seconds after which most commands have ended by themselves."""

VERBS = (
    ("mount",), ("mount", "--read-only"), ("umount",), ("inspect",), ("fix", "--dry-run"), ("fix", "--yes"),
    ("capture", "--quick"), ("capture",), ("disks",), ("space",), ("firewall",), ("history",),
    ("shell", "--read-only"), ("shell", "--", "sleep", "5"),
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A world of its own, and in it a raw disk and the same as qcow2."""

    world: World
    place: Path
    disks: tuple[Path, Path]

    @classmethod
    def laid(cls, world: World, place: Path) -> Field:
        disk, image = made_disk(place), place / "server.qcow2"
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(disk), str(image)], check=True)
        return cls(world, place, (disk, image))

    def run(self, seed: int) -> tuple[str, set[tuple[str, str]]]:
        """The run that this seed means: what was done, in words; what was left open."""
        chance = random.Random(seed)
        on, verb = chance.choice(self.disks), chance.choice(VERBS)
        how, seconds = chance.choice(SIGNALS), chance.uniform(0.02, LONGEST)
        options = (*verb[1:], *(("-o", f"{self.place}/{seed}.bundle") if verb[0] == "capture" else ()))
        words = (verb[0], on, "--backend", "kernel", *options)
        first: tuple[str | Path, ...] = ()
        if verb[0] == "umount":
            first, words = ("mount", on, "--backend", "kernel"), ("umount",)
        left = interrupt(self.world, on, words, how, seconds, first=first)
        for bundle in self.place.glob("*.bundle"):
            bundle.unlink()
        return f"seed {seed}: {' '.join(verb)} {on.name}, {how.name} after {seconds:.2f} s", left


def main(words: list[str]) -> int:
    """Print each seed after which something was left; status 1 if there was one."""
    if os.geteuid() != 0:
        print("fuzz-interrupted: this needs root")
        return 1
    seed = int(words[0]) if words else random.SystemRandom().randrange(10**9)
    count = int(words[1]) if len(words) > 1 else 50
    failed = 0
    with tempfile.TemporaryDirectory(prefix="interrupted-") as place, new_world(Path(place)) as world:
        field = Field.laid(world, Path(place))
        for number in range(seed, seed + count):
            told, left = field.run(number)
            if left:
                failed += 1
                print(f"{told}: {sorted(left)}")
    print(f"{count} runs from seed {seed}: {failed} left something open")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
