"""Runs of the program that are ended at any moment, in any way: is anything left open? See scripts/fuzz-interrupted."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.machines.world import SIGNALS, interrupt, made_disk, new_world

LONGEST = 1.2
"""Seconds after which most commands have ended by themselves."""


def main(words: list[str]) -> int:
    """Print each seed after which something was left; status 1 if there was one."""
    if os.geteuid() != 0:
        print("fuzz-interrupted: this needs root")
        return 1
    seed = int(words[0]) if words else random.SystemRandom().randrange(10**9)
    count = int(words[1]) if len(words) > 1 else 50
    failed = 0
    with tempfile.TemporaryDirectory(prefix="interrupted-") as place:
        disk = made_disk(Path(place))
        image = Path(place) / "server.qcow2"
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(disk), str(image)], check=True)
        with new_world(Path(place)) as world:
            for number in range(seed, seed + count):
                chance = random.Random(number)
                on = chance.choice((disk, image))
                verb = chance.choice((
                    ("mount",), ("mount", "--read-only"), ("inspect",), ("fix", "--dry-run"), ("capture", "--quick"),
                    ("disks",), ("shell", "--read-only"),
                ))  # fmt: skip
                how, seconds = chance.choice(SIGNALS), chance.uniform(0.02, LONGEST)
                words = [verb[0], str(on), *verb[1:], "--backend", "kernel"]
                words += ["-o", f"{place}/{number}.picture"] if verb[0] == "capture" else []
                left = interrupt(world, on, words, how, seconds)
                for picture in Path(place).glob("*.picture"):
                    picture.unlink()
                if left:
                    failed += 1
                    told = f"{' '.join(verb)} {on.name}, {how.name} after {seconds:.2f} s"
                    print(f"seed {number}: {told}: {sorted(left)}")
    print(f"{count} runs from seed {seed}: {failed} left something open")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
