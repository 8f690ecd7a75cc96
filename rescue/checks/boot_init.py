"""The boot stops because init, the first program, can't be started.

Symptom: nothing answers: "Connection timed out" or "No route to host". The provider's console shows "Kernel panic - not
syncing: No working init found", "run-init: can't execute '/sbin/init'", or the initramfs prompt.

Cause: /sbin/init, or the systemd that it links to, is missing, empty, not executable, or a dangling link. Or the loader
that every program needs (/lib64/ld-linux-x86-64.so.2) is: an interrupted upgrade to the merged /usr, or an archive
unpacked over /, removed the link /lib64, /lib or /sbin or replaced it with a directory.

Repair: restore the link if the loader is in /usr and only its link is missing; restore a program's missing execute
permission. Anything else comes back only with its package (systemd-sysv, libc6), by hand.

See: ld.so(8), init(1), usrmerge; boot(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.formats.elf import ElfError, read_elf
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read, Tree

STEP = Step.BOOT

INITS = ("/sbin/init", "/etc/init", "/bin/init", "/bin/sh")
"""What the kernel tries in turn (init/main.c); an initramfs tries only the first."""
PROGRAM_LIMIT = 4 << 20
SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
MERGED = ("/lib64", "/lib", "/sbin", "/bin")
"""Links into /usr on a merged system."""
READS = (
    *(Read(path, depth=0, limit=PROGRAM_LIMIT) for path in (*INITS, *SYSTEMD)),
    *(Read(path, depth=0, content=False) for path in (*MERGED, "/usr/lib64", "/usr/lib", "/usr/sbin", "/usr/bin")),
)


def find(facts: Facts) -> Iterator[Finding]:
    tree = facts.tree
    tree.require(*READS)
    if facts.units.manager != "systemd" or not any(tree.lentry(path) is not None for path in (*SYSTEMD, INITS[0])):
        return  # no trace of an init: a container, or an image of something else
    fault = _fault(tree, INITS[0])
    if fault is not None:
        yield _finding(tree, *fault)


def _fault(tree: Tree, path: str) -> tuple[str, str] | None:
    """The faulty file, and its fault."""
    entry = tree.entry(path)
    if entry is None:
        link = tree.lentry(path)
        return path, f"links to {link.link}, which is missing" if link is not None and link.link else "is missing"
    if not entry.is_file:
        return path, "is not a file"
    if entry.size == 0:
        return path, "is empty"
    if not entry.mode & 0o111:
        return path, "is not executable"
    data = tree.data(path)
    if data is None or not data.startswith(b"\x7fELF"):
        return None
    try:
        loader = read_elf(data).interpreter
    except ElfError as problem:
        return path, str(problem)
    if not loader:
        return None
    tree.require(Read(loader, depth=0, content=False))
    found = tree.entry(loader)
    if found is None:
        return loader, "is missing, and no program starts without it, not even init"
    if found.is_file and not found.mode & 0o111:
        return loader, "is not executable, and no program starts without it, not even init"
    return None


def _finding(tree: Tree, path: str, said: str) -> Finding:
    return Finding(
        check="boot-init",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"{path} {said}: the boot stops there.",
        symptom=Symptom.UNREACHABLE,
        locations=(Location(PurePosixPath(path)),),
        repairs=tuple(_repairs(tree, path)),
        subject=path,
    )


def _repairs(tree: Tree, path: str) -> Iterator[Repair]:
    entry = tree.entry(path)
    top = f"/{path.split('/')[1]}"
    if top in MERGED and tree.lentry(top) is None:
        tree.require(Read(f"/usr{path}", depth=0, content=False))
        if tree.entry(f"/usr{path}") is not None:
            yield Repair(f"restore the link {top} -> usr{top}", Safety.SAFE, partial(_linked, top=top))
    elif path == INITS[0] and entry is None and (found := next((each for each in SYSTEMD if tree.entry(each)), None)):
        yield Repair(f"restore the link {path} -> {found}", Safety.SAFE, partial(_init, to=found))
    elif entry is not None and entry.is_file and entry.size and not entry.mode & 0o111:
        yield Repair(f"make {path} executable (0755)", Safety.SAFE, partial(chmod, path=path, mode=0o755))
    yield Repair(
        "reinstall the package by hand",
        Safety.MANUAL,
        steps="The program is in systemd-sysv or systemd, the loader in libc6 (Debian) or glibc (Red Hat).\n"
        "Mount the disk in the rescue system and unpack the package over it (dpkg-deb -x, rpm2cpio).",
    )


def _linked(tree: Tree, top: str) -> Tree:
    if tree.lentry(top) is not None:
        raise ValueError(f"{top} already exists")
    return tree.make_link(top, f"usr{top}")


def _init(tree: Tree, to: str) -> Tree:
    return tree.make_link(str(tree.resolve("/sbin") / "init"), to)
