"""Archives that come out the same each time: sorted, with one time, owned by root."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path


def tar(tree: Path, stamp: int, *, last: str = "") -> bytes:
    """A tar of all below `tree`; `last`: an empty file of this name at its end, which tells that all was unpacked."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(tree.rglob("*")):
            told = tarfile.TarInfo(path.relative_to(tree).as_posix())
            told.mtime, told.mode = stamp, path.stat().st_mode & 0o777
            if path.is_dir():
                told.type = tarfile.DIRTYPE
                archive.addfile(told)
            else:
                data = path.read_bytes()
                told.size = len(data)
                archive.addfile(told, io.BytesIO(data))
        if last:
            told = tarfile.TarInfo(last)
            told.mtime, told.mode = stamp, 0o644
            archive.addfile(told)
    return stream.getvalue()


def gzipped(data: bytes) -> bytes:
    """The same as gzip, without a name and a time."""
    return gzip.compress(data, compresslevel=9, mtime=0)


def zipped(tree: Path, stamp: int) -> bytes:
    """A zip of all files below `tree`. Its times have steps of two seconds, and begin in 1980."""
    stream = io.BytesIO()
    at = max(datetime.fromtimestamp(stamp, UTC), datetime(1980, 1, 1, tzinfo=UTC))
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(each for each in tree.rglob("*") if each.is_file()):
            told = zipfile.ZipInfo(path.relative_to(tree).as_posix(), at.timetuple()[:6])
            told.external_attr = 0o100644 << 16
            told.compress_type = zipfile.ZIP_DEFLATED
            told.create_system = 3
            archive.writestr(told, path.read_bytes())
    return stream.getvalue()


def same_sdist(data: bytes, stamp: int) -> bytes:
    """An sdist with one time and root's names, as setuptools writes the builder's and the time of the build."""
    stream = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as given,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for told in sorted(given.getmembers(), key=lambda each: each.name):
            told.mtime, told.uid, told.gid, told.uname, told.gname = stamp, 0, 0, "", ""
            told.pax_headers = {}
            archive.addfile(told, given.extractfile(told) if told.isfile() else None)
    return gzipped(stream.getvalue())
