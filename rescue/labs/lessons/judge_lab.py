"""A lab without a login: the broken disk, and rescue's own examination as the judge.

For a computer on which nothing can be booted, and for the scenarios that only a boot would show. What the person sees
is what the examination predicts, and it is said to be that.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from rescue.labs.images.image import BuiltImage
from rescue.labs.lessons.backends import LockOut, Typed, Watcher, addresses, must_end
from rescue.labs.lessons.grading import opened
from rescue.labs.lessons.lab_disk import image_of, make_lab_disk
from rescue.labs.lessons.namespace_lab import NamespaceLab, mounted, typed
from rescue.labs.lessons.private_mounts import own_mounts
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.ssh import Attempt
from rescue.login_path import Verdict
from rescue.model import Client
from rescue.survey import survey

ONLY_A_BOOT = ("mac-mismatch-clone", "nic-renamed")
"""Causes that are found by what the server said while it booted."""

HEALTHY_PORT = 22

NOT_TRIED = "(nobody has logged in: this is what the examination of the disk says)"


class InspectedLab(NamespaceLab):
    """Breaks the server on its mounted disk, and examines it. Needs root; see `backends.Backend`."""

    name = "image"
    about = "its disk alone: nothing is started, and rescue's examination stands for the login"

    def hindrance(self, scenario: Scenario) -> str:
        if scenario.waiting:
            return "this version of rescue can't find its cause, so that nothing could judge the disk"
        if shown := [cause for cause in scenario.causes if cause in ONLY_A_BOOT]:
            return f"{shown[0]} shows only in the journal of a boot"
        return self.missing()

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        watcher.step("getting the server's image")
        image = image_of(scenario, watcher.note)
        watcher.step("making its disk")
        make_lab_disk(image, scenario, disk)
        watcher.step("the healthy disk is examined")
        healthy = _examined(image, replace(scenario, port=HEALTHY_PORT), disk)
        watcher.step("what the story tells is done to it")
        with mounted(image, disk) as root:
            must_end(typed(root, image, scenario.break_script))
        watcher.step("the broken disk is examined")
        return LockOut(disk, healthy, _examined(image, scenario, disk))

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        image = image_of(scenario, watcher.note)
        watcher.step("the disk is examined")
        return _examined(image, scenario, disk)

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        image = image_of(scenario, watcher.note)
        watcher.step("the commands are typed in on its disk")
        with mounted(image, disk) as root:
            return typed(root, image, script)


def _examined(image: BuiltImage, scenario: Scenario, disk: Path) -> Attempt:
    """What the scenario's person would see by the disk, in the form of a login."""
    server, address = addresses(InspectedLab.name, scenario.family)
    client = Client(scenario.user, (ip_address(address),), scenario.port, _key(image))
    with own_mounts(), opened(disk) as target:
        _, examination = survey(target, client)
    if examination.path.verdict in (Verdict.CLEAR, Verdict.INCOMPLETE):
        return Attempt(0, f"{NOT_TRIED}\n", "")
    symptom = examination.path.symptom
    words = symptom.words(scenario.user, server, scenario.port) if symptom else "it is not known what ssh would say"
    return Attempt(255, "", f"{NOT_TRIED}\n{words}\n")


def _key(image: BuiltImage) -> str:
    """The lab's public key as "type base64"."""
    return " ".join(image.key.with_suffix(".pub").read_text().split()[:2])
