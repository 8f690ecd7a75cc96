"""The unit tests with the Python of the newest Debian: `python -m tests.newest PYTEST-ARGUMENTS`, as root.

A root of it is built once, into the cache, with what the tests need of its own packages; they run in it without a
network, on this checkout. With --make alone it is built, and nothing is run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from tests.machines.built import NotMade, called, once

SUITE = "trixie"
PACKAGES = ("python3", "python3-pytest", "python3-pytest-xdist", "python3-hypothesis", "python3-pyroute2",
            "python3-questionary", "python3-rich", "python3-ruamel.yaml", "python3-sh",
            "python3-jsonschema", "groff-base", "mandoc", "fish", "zsh")  # fmt: skip
CHECKOUT = Path(__file__).resolve().parents[1]

ENTER = r"""
set -eu
root=$1 checkout=$2 told=$3; shift 3
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount --bind "$checkout" "$root/srv"
if [ -n "$told" ]; then
    touch "$root/tmp/told"
    mount --bind "$told" "$root/tmp/told"
    export RESCUE_SKIPS=/tmp/told
fi
exec chroot "$root" sh -c 'cd /srv && exec "$@"' sh "$@"
"""


def root() -> Path:
    """Built if it is not there. Raises NotMade."""
    command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}", SUITE]
    contents = sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]
    return once(
        f"newest-{SUITE}-{contents}", "usr/bin/pytest-3", lambda building: called(*command, str(building), alone=True)
    )


def main(words: Sequence[str]) -> int:
    """The status is pytest's."""
    try:
        place = root()
    except NotMade as why:
        print(f"no root of Debian {SUITE}: {why}", file=sys.stderr)
        return 1
    if words == ["--make"]:
        return 0
    os.environ.pop("PYTHONPATH", None)
    # What runs in there writes nothing into the checkout.
    inside = ["python3", "-B", "-m", "pytest", "-p", "no:cacheprovider", *words]
    command = ["unshare", "--net", "--mount", "sh", "-c", ENTER, "sh", str(place), str(CHECKOUT)]
    return subprocess.run([*command, os.environ.get("RESCUE_SKIPS", ""), *inside], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
