"""What a lab's machine leaves out of a server's boot, for speed, and why it may.

Measured on two processors without KVM, Debian 12, seconds of QEMU's processor time until the system is up: about 11 as
it is, 15 whole; the units and the devices below are about half of the difference each. The units that were masked once
and that a login may hang on cost 2 together. All generators (systemd.generator(7)) together cost nothing that could be
measured, and none is skipped. The user's manager (user@.service) adds half a second to a user's first login.

The rule: nothing that the path to a login can hang on, fail on or wait for. Each entry costs an emulated processor
time at every boot, and no login is ordered after it, needs it or changes with it. Everything else starts as on a
server; a scenario with `boot = "whole"` leaves out nothing of this. `rescue explain lab` lists it for people.

A unit that is left out is not masked: only the target that pulls it in at a boot does not want it (systemd.unit(5):
a link to /dev/null in a .wants directory). Where anything else of the server asks for it, it starts.
"""

from __future__ import annotations

from dataclasses import dataclass

CLOCK = "It runs by the clock, not at a boot. On a saved machine, restored days later, all timers would run at once."
CONSOLE = "A login on a console, which no SSH login passes. The lab itself listens on the serial line."


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A unit that `target` does not pull in."""

    unit: str
    target: str
    why: str


UNITS = (
    LeftOut("apt-daily-upgrade.timer", "timers.target", CLOCK),
    LeftOut("apt-daily.timer", "timers.target", CLOCK),
    LeftOut("dpkg-db-backup.timer", "timers.target", CLOCK),
    LeftOut("e2scrub_all.timer", "timers.target", CLOCK),
    LeftOut("fstrim.timer", "timers.target", CLOCK),
    LeftOut("logrotate.timer", "timers.target", CLOCK),
    LeftOut(
        "e2scrub_reap.service",
        "multi-user.target",
        "It removes LVM snapshots that e2scrub left. It has an idle priority, and nothing is ordered after it.",
    ),
    LeftOut("getty@tty1.service", "getty.target", CONSOLE),
    LeftOut("serial-getty@ttyS0.service", "getty.target", CONSOLE),
)

TERMINALS = "Text terminals. Only logins on a console wait for their device units."
MEMORY = "Parts of the kernel's memory management and accounting. No module and no unit of a login hangs on them."
CLOCKS = "Clocks, counters and lights of the computer. No module and no unit of a login hangs on them."
LOADED = "What is in the kernel already. A module that is loaded later is announced by the kernel itself."

DEVICES = {
    "tty": TERMINALS,
    "vc": TERMINALS,
    "vtconsole": TERMINALS,
    "bdi": MEMORY,
    "mem": MEMORY,
    "memory": MEMORY,
    "memory_tiering": MEMORY,
    "workqueue": MEMORY,
    "clockevents": CLOCKS,
    "clocksource": CLOCKS,
    "event_source": CLOCKS,
    "leds": CLOCKS,
    "thermal": CLOCKS,
    "wakeup": CLOCKS,
    "drivers": LOADED,
    "module": LOADED,
    "subsystem": LOADED,
}
"""Subsystem -> why its devices are not announced again at a boot (udevadm(8), trigger). All others are."""
