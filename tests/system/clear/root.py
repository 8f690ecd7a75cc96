"""A server's root that may be changed: every name is looked up in it as after chroot(2), so that no link leads out."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MAX_LINKS = 40


@dataclass(frozen=True)
class Root:
    """The directory that is the server's /."""

    place: Path

    def real(self, path: str, *, last: bool = True) -> Path:
        """Where `path` is for this computer; last: a link at its end is followed, too."""
        at, left, links = self.place, [part for part in reversed(path.split("/")) if part], 0
        while left:
            part = left.pop()
            if part == ".":
                continue
            if part == "..":
                at = at.parent if at != self.place else at
                continue
            here = at / part
            if here.is_symlink() and (left or last):
                links += 1
                if links > MAX_LINKS:
                    raise OSError(f"{path}: too many links")
                aim = str(here.readlink())
                at = self.place if aim.startswith("/") else at
                left.extend(piece for piece in reversed(aim.split("/")) if piece)
                continue
            at = here
        return at

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.real(path))

    def text(self, path: str) -> str:
        """A file's text; "" if there is none."""
        at = self.real(path)
        return at.read_text(errors="surrogateescape") if at.is_file() else ""

    def write(self, path: str, data: str | bytes, mode: int | None = None, owner: tuple[int, int] | None = None) -> str:
        at = self.real(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        raw = data if isinstance(data, bytes) else data.encode(errors="surrogateescape")
        at.write_bytes(raw)
        if mode is not None:
            at.chmod(mode)
        if owner is not None:
            os.chown(at, *owner)
        return f"{path} := {raw[:300]!r}" + (f" mode {mode:o}" if mode is not None else "")

    def append(self, path: str, text: str) -> str:
        self.write(path, self.text(path) + text)
        return f"{path} += {text!r}"

    def prepend(self, path: str, text: str) -> str:
        self.write(path, text + self.text(path))
        return f"{path} =+ {text!r}"

    def replace(self, path: str, old: str, new: str) -> str:
        before = self.text(path)
        assert old in before, f"{old!r} is not in {path}"
        self.write(path, before.replace(old, new, 1))
        return f"{path}: {old!r} -> {new!r}"

    def link(self, path: str, target: str) -> str:
        self.remove(path)
        at = self.real(path, last=False)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(target)
        return f"{path} -> {target}"

    def remove(self, path: str) -> str:
        at = self.real(path, last=False)
        if at.is_symlink() or at.is_file():
            at.unlink()
        elif at.is_dir():
            shutil.rmtree(at)
        return f"rm {path}"

    def chmod(self, path: str, mode: int) -> str:
        self.real(path).chmod(mode)
        return f"chmod {mode:04o} {path}"

    def chown(self, path: str, uid: int, gid: int) -> str:
        at = self.real(path)
        mode = at.stat().st_mode & 0o7777
        os.chown(at, uid, gid)
        at.chmod(mode)
        return f"chown {uid}:{gid} {path}"

    def below(self, path: str) -> list[Path]:
        """Everything below a directory, and itself; links not followed."""
        top = self.real(path)
        return [top, *(Path(above) / name for above, folders, files in os.walk(top) for name in (*folders, *files))]
