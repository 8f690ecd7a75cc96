"""A lab without any machine: the server's disk, mounted here, and its own firewall and sshd in namespaces.

All of it is real but for the boot, so it suits the scenarios that need none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.images.image import BuiltImage
from rescue.labs.lessons.backends import LockOut, Typed, Watcher, must_end
from rescue.labs.lessons.lab_disk import image_of, make_lab_disk
from rescue.labs.lessons.private_mounts import own_mounts
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.namespaces import running
from rescue.labs.machines.ssh import Attempt
from rescue.targets.host.resources import Resources
from rescue.targets.host.syscalls import MS_RDONLY
from rescue.targets.protocol import TargetError

PROGRAMS = ("unshare", "nsenter", "setpriv", "chroot", "mount", "losetup", "ip", "ssh")


class NamespaceLab:
    """Brings the server up from its mounted disk. Needs root; see `rescue.labs.lessons.backends.Backend`."""

    name = "namespaces"
    about = "its own disk, firewall and SSH server, in namespaces of this computer; nothing is booted"

    def hindrance(self, scenario: Scenario) -> str:
        if scenario.boot:
            return "this scenario shows only when a server boots"
        return self.missing()

    def missing(self) -> str:
        """What is missing here for any scenario; empty if nothing is."""
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        if missing := [each for each in PROGRAMS if shutil.which(each, path=path) is None]:
            return f"missing programs: {', '.join(missing)}"
        return "" if os.geteuid() == 0 else "it needs root, for mounts and namespaces"

    def steps(self) -> int:
        return 5

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        watcher.step("getting the server's image")
        image = image_of(scenario, watcher.note)
        watcher.step("making its disk")
        make_lab_disk(image, scenario, disk)
        with mounted(image, disk) as root:
            watcher.step("the server comes up, and you log in")
            with running(root, image.key) as up:
                healthy = up.login(scenario.user, family=scenario.family)
            watcher.step("what the story tells is done to it")
            must_end(typed(root, image, scenario.break_script))
            watcher.step("the server comes up again, and you try to log in")
            with running(root, image.key) as up:
                broken = up.login(scenario.user, port=scenario.port, family=scenario.family, password=scenario.password)
        return LockOut(disk, healthy, broken)

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        image = image_of(scenario, watcher.note)
        watcher.step("the server comes up, and you try to log in")
        with mounted(image, disk, write=False) as root, running(root, image.key) as up:
            return up.login(scenario.user, port=scenario.port, family=scenario.family, password=scenario.password)

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        image = image_of(scenario, watcher.note)
        watcher.step("the commands are typed in on the server")
        with mounted(image, disk) as root:
            return typed(root, image, script)

    def remove(self) -> None:
        """There is nothing beside the lab's directory."""


def typed(root: Path, image: BuiltImage, script: str) -> Typed:
    """Run a script on the server whose root is mounted, with its firewall and its SSH server up."""
    with running(root, image.key, layer=False) as up:
        done = up.console(script)
    return Typed(done.status, done.output)


@contextmanager
def mounted(image: BuiltImage, disk: Path, *, write: bool = True) -> Iterator[Path]:
    """The server's root, mounted where nobody else sees it."""
    with own_mounts():
        resources = Resources()
        try:
            point = resources.directory()
            layout = image.layout
            try:
                # A read-only mount, too, gets a device that can be written to: an unfinished journal is replayed.
                resources.mount_file(
                    disk, str(point), layout.filesystem, 0 if write else MS_RDONLY, layout.flags, read_only=False
                )
            except (OSError, TargetError) as problem:
                why = problem.strerror if isinstance(problem, OSError) else str(problem)
                raise LabError(
                    f"the server's disk can't be mounted: {why}", "rescue lab reset gives back the broken one."
                ) from problem
            yield point
        finally:
            resources.close()
