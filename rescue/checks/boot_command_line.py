"""The default boot entry's kernel command line keeps the boot from sshd: rescue mode, a shell, a masked unit.

Symptom: nothing answers: "Connection timed out" or "No route to host"; or "Connection refused" if the network is up.
The provider's console shows "You are in rescue mode", "You are in emergency mode", or the prompt of a shell.

Cause: somebody reset a password or repaired the disk with a word on the kernel's command line, and the word stayed in
grub.cfg or in the entry: single, rescue, emergency, systemd.unit=rescue.target, init=/bin/bash, rd.break,
systemd.mask=ssh.service. Or the boot loader's default is the recovery entry.

Of several words that choose a target, the last one counts. Words that come from variables of the boot loader
($kernelopts) are not read.

Repair: remove the word from the default entry, and from /etc/default/grub, where update-grub would take it again. If
the recovery entry is the default, choose another entry by hand.

See: systemd(1), "Kernel Command Line"; kernel-command-line(7); bootparam(7); initramfs-tools(7); dracut.cmdline(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.boot.command_line import READS as COMMAND_LINE_READS
from rescue.boot.command_line import kernel_words, without_words
from rescue.boot.loader import READS as LOADER_READS
from rescue.boot.loader import BootEntry, BootMenu, read_menu
from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network.managers import GRUB_SETTINGS
from rescue.tree import Read, Tree

STEP = Step.BOOT
RESCUE, EMERGENCY = "rescue.target", "emergency.target"
WANTS = ("rescue.target", "emergency.target", "sysinit.target")
READS = (
    *LOADER_READS,
    *COMMAND_LINE_READS,
    *(Read(f"/etc/systemd/system/{each}.wants", depth=1, content=False) for each in WANTS),
)

TARGETS = {
    "emergency": EMERGENCY, "-b": EMERGENCY, "single": RESCUE, "rescue": RESCUE, "-s": RESCUE, "s": RESCUE, "S": RESCUE,
    "1": RESCUE, "2": "multi-user.target", "3": "multi-user.target", "4": "multi-user.target", "5": "graphical.target",
}  # fmt: skip
"""What systemd takes these words for (runlevel_to_target in proc-cmdline.c)."""
BREAKS = frozenset({"", "top", "modules", "premount", "mount", "mountroot", "bottom", "init"})
"""Where initramfs-tools opens a shell (initramfs-tools(7)); any other value does nothing."""
RD_BREAKS = frozenset(
    {"", "cmdline", "pre-udev", "pre-trigger", "initqueue", "pre-mount", "mount", "pre-pivot", "cleanup"}
)
"""The same of dracut."""
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
STOPPING = frozenset(
    {RESCUE, EMERGENCY, "poweroff.target", "reboot.target", "halt.target", "shutdown.target", "kexec.target"}
)
"""Targets of systemd.special(7) in which nobody logs in over SSH."""
NEEDED_TARGETS = frozenset({"multi-user.target", "basic.target", "sysinit.target", "local-fs.target", "sockets.target"})
SSH_UNITS = frozenset({"ssh.service", "sshd.service", "ssh.socket", "sshd.socket"})


def find(facts: Facts) -> Iterator[Finding]:
    menu = read_menu(facts.tree)
    if menu is None or menu.chosen is None or menu.chosen.kernel_at is None or facts.units.manager != "systemd":
        return
    facts.tree.require(*READS)
    words = _stopping(facts, menu.chosen.options)
    if words:
        yield _finding(menu, menu.chosen, menu.chosen.kernel_at, words)


def _stopping(facts: Facts, options: str) -> tuple[str, ...]:
    """The words of a command line that keep the boot from sshd; () if none does."""
    words = kernel_words(options)
    found = [word for word in words if _opens_shell(facts, word) or _masks(facts, word)]
    choosing = [(word, target) for word in words if (target := _target(word))]
    if choosing and choosing[-1][1] in STOPPING and not _serves(facts.tree, choosing[-1][1]):
        found += [word for word, target in choosing if target in STOPPING]
    return tuple(dict.fromkeys(found))


def _masks(facts: Facts, word: str) -> bool:
    """Whether it masks what every boot to a login needs (systemd.mask= of systemd-debug-generator(8))."""
    name, _, value = word.partition("=")
    if name != "systemd.mask":
        return False
    unit = value.strip("\"'")
    unit = unit if "." in unit else f"{unit}.service"
    if unit in NEEDED_TARGETS:
        return True
    service, socket = facts.units.unit("ssh.service"), facts.units.unit("ssh.socket")
    service = service if service.present else facts.units.unit("sshd.service")
    socket = socket if socket.present else facts.units.unit("sshd.socket")
    if unit == socket.name:
        return socket.started and not service.started
    return unit == service.name and (service.started or socket.started)


def _target(word: str) -> str:
    name, equals, value = word.partition("=")
    if equals:
        value = value.strip("\"'")
        return {"runlevel1.target": RESCUE}.get(value, value) if name == "systemd.unit" else ""
    return TARGETS.get(word, "")


def _opens_shell(facts: Facts, word: str) -> bool:
    name, equals, value = word.partition("=")
    if name in ("init", "rdinit") and equals:
        return PurePosixPath(value.strip("\"'")).name in SHELLS
    if name == "break" and facts.release.is_debian:
        return bool(BREAKS & set(value.split(",")))
    return name == "rd.break" and facts.release.is_red_hat and value in RD_BREAKS


def _serves(tree: Tree, target: str) -> bool:
    """Whether somebody enabled sshd in that target too."""
    reached = (target, "sysinit.target") if target == RESCUE else (target,)
    return any(SSH_UNITS & set(tree.children(f"/etc/systemd/system/{each}.wants")) for each in reached)


def _finding(menu: BootMenu, entry: BootEntry, place: Location, words: tuple[str, ...]) -> Finding:
    said = " ".join(words)
    return Finding(
        check="boot-command-line",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The default boot entry starts the kernel with {said}: the boot does not get to sshd.",
        symptom=Symptom.UNREACHABLE,
        locations=tuple(each for each in (place, menu.chosen_by) if each is not None),
        repairs=(_repair(entry, place, words),),
        subject=entry.title or entry.id,
    )


def _repair(entry: BootEntry, place: Location, words: tuple[str, ...]) -> Repair:
    if "recovery" in f"{entry.title} {entry.id}".lower():
        return Repair(
            "choose another default entry by hand: this one is for recovery",
            Safety.MANUAL,
            steps=f"rescue shell\nSet GRUB_DEFAULT=0 in {GRUB_SETTINGS}, then run update-grub.",
        )
    return Repair(
        f"remove {' '.join(words)} from the default boot entry",
        Safety.SAFE,
        partial(without_words, place=place, words=words),
    )
