"""What the guided way offers beside finding and repairing: verbs that not everybody needs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rescue.targets.host.mount_records import all_mounted
from rescue.targets.open import is_saved_bundle
from rescue.verbs import capture, firewall, mount, shell, space, umount
from rescue.verbs.request.session import Session, session_of


@dataclass(frozen=True, slots=True)
class Way:
    """One choice. changes: the server may be another one afterwards, and is to be inspected again."""

    title: str
    run: Callable[[Session], object]
    changes: bool = False


def ways(target: str) -> tuple[Way, ...]:
    """What makes sense for `target`."""
    path = Path(target)
    found = [
        Way("show who may open the SSH port, and which rule decides", firewall.run),
        Way("show what fills the disk", space.run),
    ]
    if is_saved_bundle(path):
        return tuple(found)
    if str(path.resolve()) != "/":
        found.append(Way("a shell inside the server: its own programs, such as passwd", shell.run, changes=True))
    if not path.is_dir():
        found.append(Way("mount its files in a folder, to repair by hand", _mount))
    if all_mounted():
        found.append(Way("unmount what is mounted", _umount, changes=not path.is_dir()))
    return (*found, Way("save its settings, without secrets, so that someone else can diagnose", capture.run))


def _mount(session: Session) -> None:
    """An image is mounted by this machine's kernel, which is asked for."""
    options = session.options
    if Path(options.target).is_file() and options.backend != "kernel":
        question = "This machine's kernel would read the image. Do you trust it?"
        if not session.asker.confirm(question):
            return
        session = session_of(Namespace(**{**vars(options), "backend": "kernel"}))
    mount.run(session)


def _umount(session: Session) -> None:
    umount.run(session_of(Namespace(**{**vars(session.options), "what": None})))
