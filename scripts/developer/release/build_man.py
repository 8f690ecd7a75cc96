"""``scripts/build-man``: the manual and the completions, laid out as below /usr/share."""

from __future__ import annotations

import gzip
import os
import sys
import time
from pathlib import Path

from scripts.developer.release.completion import completions
from scripts.developer.release.man_pages import man_pages


def write(into: Path, stamp: int) -> None:
    """Everything, compressed where a distribution has it compressed. The same commit gives the same bytes."""
    files = {f"man/man1/{name}.gz": gzip.compress(text.encode(), 9, mtime=0) for name, text in man_pages(stamp).items()}
    files |= {name: text.encode() for name, text in completions().items()}
    for name, data in files.items():
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(data)


def main(arguments: list[str]) -> int:
    """Write them into the folder that is named."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: scripts/build-man FOLDER", file=sys.stderr)
        return 2
    write(Path(arguments[0]), int(os.environ.get("SOURCE_DATE_EPOCH") or time.time()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
