"""Debian's packages of any architecture, fetched and unpacked; nothing of them is installed or run."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
"""Whose glibc and Python go into the .run files. An older glibc runs on more kernels; a newer one gets fixes longer."""

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SOURCES = f"""\
deb [signed-by={_KEYS}] http://deb.debian.org/debian {SUITE} main
deb [signed-by={_KEYS}] http://deb.debian.org/debian-security {SUITE}-security main
"""


class FetchError(Exception):
    """apt could not bring a package; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package's file, and what it says of itself."""

    name: str
    version: str
    source: str
    path: Path

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def fetch(names: tuple[str, ...], architecture: str, into: Path) -> list[Package]:
    """The newest packages of `SUITE` for Debian's `architecture` (amd64, arm64), in the folder `into`.

    apt checks their signatures. Its own configuration (a proxy, say) counts; its sources and state do not.
    Raises FetchError.
    """
    state = into / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (state / "sources.list").write_text(_SOURCES)
    options = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
    }
    words = ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    run([*words, "update"], into)
    for older in into.glob("*.deb"):
        older.unlink()
    run([*words, "download", *names], into)
    return sorted((_described(path) for path in into.glob("*.deb")), key=lambda each: each.name)


def unpack(package: Package, into: Path) -> None:
    """Its files below the folder `into`."""
    run(["dpkg-deb", "--extract", str(package.path), str(into)], into)


def _described(path: Path) -> Package:
    told = run(["dpkg-deb", "--field", str(path), "Package", "Version", "Source"], path.parent)
    fields = dict(line.split(": ", 1) for line in told.splitlines())
    return Package(fields["Package"], fields["Version"], fields.get("Source", fields["Package"]).split(" ")[0], path)


def run(words: list[str], folder: Path) -> str:
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise FetchError(f"{words[0]} failed: {ended.stderr.strip() or ended.stdout.strip()}")
    return ended.stdout
