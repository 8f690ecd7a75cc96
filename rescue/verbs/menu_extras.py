"""What the guided way offers beside finding and repairing: verbs that not everybody needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rescue.targets.host.mount_records import all_mounted
from rescue.targets.open import is_saved_bundle
from rescue.verbs import capture, firewall, mount, shell, space, umount
from rescue.verbs.request.options import (
    CaptureOptions,
    FirewallOptions,
    MountOptions,
    NoOptions,
    ShellOptions,
    UmountOptions,
)
from rescue.verbs.request.session import Session


@dataclass(frozen=True, slots=True)
class Extra:
    """One choice. changes: the server may be another one afterwards, and is to be inspected again."""

    title: str
    run: Callable[[Session], object]
    changes: bool = False


def ways(target: str) -> tuple[Extra, ...]:
    """What makes sense for `target`."""
    path = Path(target)
    found = [
        Extra(
            "show who may open the SSH port, and which rule decides",
            _firewall,
        ),
        Extra("show what fills the disk", _space),
    ]
    if is_saved_bundle(path):
        return tuple(found)
    if str(path.resolve()) != "/":
        found.append(
            Extra(
                "a shell inside the server: its own programs, such as passwd",
                _shell,
                changes=True,
            )
        )
    if not path.is_dir():
        found.append(Extra("mount its files in a folder, to repair by hand", _mount))
    if all_mounted():
        found.append(Extra("unmount what is mounted", _umount, changes=not path.is_dir()))
    return (
        *found,
        Extra(
            "save its settings, without secrets, so that someone else can diagnose",
            _capture,
        ),
    )


def _firewall(session: Session) -> None:
    firewall.run(session, FirewallOptions())


def _space(session: Session) -> None:
    space.run(session, NoOptions())


def _shell(session: Session) -> None:
    shell.run(session, ShellOptions())


def _capture(session: Session) -> None:
    capture.run(session, CaptureOptions())


def _mount(session: Session) -> None:
    """An image is mounted by this machine's kernel, which is asked for."""
    request = session.request
    if request.spec is not None and Path(request.spec).is_file() and request.opening.backend != "kernel":
        question = "This machine's kernel would read the image. Do you trust it?"
        if not session.asker.confirm(question):
            return
        session = session.asking_for(request.opened(backend="kernel"))
    mount.run(session, MountOptions())


def _umount(session: Session) -> None:
    umount.run(session, UmountOptions())
