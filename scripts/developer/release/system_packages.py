"""The package for Debian and Ubuntu, and Python's own two kinds."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from scripts.developer.release import archives, build_man

_CONTROL = """\
Package: rescue
Version: {version}
Section: admin
Priority: optional
Architecture: all
Maintainer: The rescue developers <rescue@example.org>
Installed-Size: {size}
Depends: python3 (>= 3.11), python3-pyroute2, python3-questionary, python3-rich, python3-ruamel.yaml, python3-sh
Recommends: python3-guestfs, libguestfs-tools, qemu-utils, lvm2, btrfs-progs, xfsprogs
Suggests: cryptsetup-bin, mdadm, qemu-system-x86
Description: find out why SSH does not let you in, and repair it
 From a server's disk alone (in a provider's rescue system, an image, or the
 running server) rescue finds out why SSH is refused, timing out or denied,
 repairs it with the smallest change, and undoes itself.
"""
_COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: rescue

Files: *
Copyright: 2026 The rescue developers
License: Apache-2.0
 On Debian systems, the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
"""
_CHANGELOG = """\
rescue ({version}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- The rescue developers <rescue@example.org>  {date}
"""
_PROGRAM = """\
#!/usr/bin/python3
from rescue.cli import run

run()
"""


def deb(tree: Path, source: Path, version: str, stamp: int) -> bytes:
    """A package that needs nothing but what Debian 12 and 13 ship. `tree`: a folder to put it together in."""
    modules = tree / "usr/lib/python3/dist-packages"
    shutil.copytree(source / "rescue", modules / "rescue", ignore=shutil.ignore_patterns("__pycache__"))
    program = tree / "usr/bin/rescue"
    program.parent.mkdir(parents=True)
    program.write_text(_PROGRAM)
    papers = tree / "usr/share/doc/rescue"
    papers.mkdir(parents=True)
    (papers / "copyright").write_text(_COPYRIGHT)
    date = subprocess.run(
        ["date", "--utc", "--rfc-email", f"--date=@{stamp}"], capture_output=True, text=True, check=True
    ).stdout.strip()
    for name, text in (
        ("changelog.gz", _CHANGELOG.format(version=version, date=date)),
        ("README.md.gz", (source / "README.md").read_text(encoding="utf-8")),
    ):
        (papers / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    build_man.write(tree / "usr/share", stamp)
    size = sum(-(-path.stat().st_size // 1024) for path in tree.rglob("*") if path.is_file())
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(_CONTROL.format(version=version, size=size))
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path == program else 0o644)
        os.utime(path, (stamp, stamp))
    made = tree.with_suffix(".deb")
    words = ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", str(tree), str(made)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(stamp)}
    subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)
    return made.read_bytes()


def python_packages(work: Path, source: Path, stamp: int) -> dict[str, bytes]:
    """The wheel and the sdist, by file name."""
    into = work / "python"
    into.mkdir()
    program = textwrap.dedent(f"""
        import sys
        from setuptools import build_meta
        build_meta.build_wheel({str(into)!r})
        build_meta.build_sdist({str(into)!r})
    """)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(stamp), "PYTHONHASHSEED": "0"}
    for path in source.rglob("*"):
        os.utime(path, (stamp, stamp))
    subprocess.run([sys.executable, "-c", program], cwd=source, check=True, env=environment, capture_output=True)
    made = {}
    for path in sorted(into.iterdir()):
        data = path.read_bytes()
        made[path.name] = archives.same_sdist(data, stamp) if path.name.endswith(".tar.gz") else data
    return made
