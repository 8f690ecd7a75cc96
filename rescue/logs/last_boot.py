"""The server's last boot, as its logs or a saved console tell: how far it came, and what failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from rescue.logs.events import Event
from rescue.logs.sayings import Kind

_TARGETS = {
    "Multi-User System": "multi-user.target", "Graphical Interface": "graphical.target", "Network": "network.target",
    "Network is Online": "network-online.target", "Rescue Mode": "rescue.target", "Emergency Mode": "emergency.target",
    "Local File Systems": "local-fs.target", "System Initialization": "sysinit.target", "Basic System": "basic.target",
    "Shutdown": "shutdown.target", "System Shutdown": "shutdown.target", "Reboot": "reboot.target",
    "System Reboot": "reboot.target", "Power Off": "poweroff.target", "System Power Off": "poweroff.target",
    "Halt": "halt.target", "System Halt": "halt.target", "Final Step": "final.target",
}  # fmt: skip
"""What systemd before 249 calls them."""
LOGIN_TARGETS = ("multi-user.target", "graphical.target")
ENDING = frozenset({"shutdown.target", "reboot.target", "poweroff.target", "halt.target", "final.target"})
TROUBLE = frozenset({Kind.EMERGENCY, Kind.PANIC, Kind.READ_ONLY, Kind.FILE_SYSTEM, Kind.NO_SPACE, Kind.OOM, Kind.FSCK})

QUICK = timedelta(minutes=10)
LOOP = 3
"""Boots one after the other, each of less than `QUICK`, that no login service came up in: a crash loop."""
MOST = 50
"""Troubles and failures that are kept: the first ones, as what comes later follows from them."""


@dataclass(frozen=True, slots=True)
class SeenInterface:
    """A network interface of that boot. mac, address, was: "" where that was not told (a static address is not).

    up: it had a link. was: the kernel's name before udev gave it another one.
    """

    name: str
    mac: str = ""
    address: str = ""
    up: bool = False
    was: str = ""


@dataclass(frozen=True, slots=True)
class LastBoot:
    """What is known of the last boot. Whatever is not told may have happened all the same.

    at, until: the times of its first and last event that bears on a login; None where no time is known (a console).
    whole: its beginning is there (the kernel's first words). source: the log that tells of it.
    targets: the targets reached, in order, with the time. failed: units that failed, with their reason in the message.
    listening: where sshd said that it listens: address and port. troubles: the kernel's and systemd's complaints
    about disks and memory, and the emergency shell. logins: who got in during it. ended: it was shut down in order.
    boots: how many boots the logs tell of. loop: how many boots in a row ended early; 0 for no crash loop.
    """

    at: datetime | None
    until: datetime | None
    whole: bool
    source: PurePosixPath
    targets: tuple[tuple[str, datetime | None], ...] = ()
    failed: tuple[Event, ...] = ()
    interfaces: tuple[SeenInterface, ...] = ()
    listening: tuple[tuple[str, int], ...] = ()
    troubles: tuple[Event, ...] = ()
    sshd_errors: tuple[Event, ...] = ()
    logins: tuple[Event, ...] = ()
    ended: bool = False
    boots: int = 1
    loop: int = 0

    def reached(self, target: str) -> bool:
        """Whether the target ("network.target") was reached."""
        return any(name == target for name, _ in self.targets)

    @property
    def came_up(self) -> bool:
        """Whether it reached the targets that start login services (multi-user, graphical), or somebody logged in."""
        return bool(self.logins) or any(self.reached(target) for target in LOGIN_TARGETS)

    @property
    def emergency(self) -> Event | None:
        """The event that shows that it ended in emergency or rescue mode; None if nothing does."""
        return next((each for each in self.troubles if each.kind is Kind.EMERGENCY), None)

    @property
    def panic(self) -> Event | None:
        """The kernel's last words; None if there are none."""
        return next((each for each in self.troubles if each.kind is Kind.PANIC), None)

    def failure(self, *words: str) -> Event | None:
        """The first failed unit whose message has one of the words (a unit's name, a mount point) as a whole one."""
        patterns = [re.compile(rf"(?<![\w/@.-]){re.escape(word)}(?![\w/@-]|\.\w)") for word in words]
        return next((each for each in self.failed if any(pattern.search(each.message) for pattern in patterns)), None)

    def interface(self, name: str) -> SeenInterface | None:
        """The interface of that name; None if none was told of."""
        return next((each for each in self.interfaces if each.name == name), None)


def last_boot(events: Sequence[Event], newest: str = "") -> LastBoot | None:
    """The last boot of the events, which are in order. newest: the journal's id of the last boot, if it says so.

    None where nothing tells of a boot.
    """
    boots = split(events)
    if not boots:
        return None
    last = next((each for each in reversed(boots) if newest and each[0].boot == newest), boots[-1])
    if all(each.kind in (Kind.LOGIN, Kind.SSHD_ERROR) for each in last):
        return None  # a short log, or one that was rotated: what it begins with is no boot
    made = _told(last)
    return replace(made, boots=len(boots), loop=_loop(boots))


def split(events: Iterable[Event]) -> list[list[Event]]:
    """The events by boot: by the journal's ids, and of other logs at the kernel's first words."""
    made: list[list[Event]] = []
    known: dict[str, list[Event]] = {}
    for each in events:
        if each.kind not in _OF_A_BOOT:
            continue
        if each.boot:
            if each.boot not in known:
                known[each.boot] = []
                made.append(known[each.boot])
            known[each.boot].append(each)
        elif not made or (each.kind is Kind.BOOT and not _again(made[-1], each)):
            made.append([each])
        else:
            made[-1].append(each)
    return [each for each in made if each]


def _again(boot: list[Event], start: Event) -> bool:
    """Whether the journal has told of this start: text logs write its lines anew, and later."""
    first = boot[0]
    return (
        first.kind is Kind.BOOT
        and first.message == start.message
        and first.source != start.source
        and first.at is not None
        and start.at is not None
        and abs(start.at - first.at) < timedelta(minutes=2)
    )


_OF_A_BOOT = TROUBLE | {
    Kind.LOGIN, Kind.BOOT, Kind.SHUTDOWN, Kind.TARGET, Kind.UNIT_FAILED, Kind.LISTENING, Kind.SSHD_ERROR, Kind.ADDRESS,
    Kind.INTERFACE, Kind.LINK,
}  # fmt: skip


def _told(events: list[Event]) -> LastBoot:
    targets: dict[str, datetime | None] = {}
    failed: dict[str, Event] = {}
    interfaces: dict[str, SeenInterface] = {}
    listening: dict[tuple[str, int], None] = {}
    for each in events:
        match each.kind:
            case Kind.TARGET:
                name = each.detail("target")
                targets.setdefault(_TARGETS.get(name, name), each.at)
            case Kind.UNIT_FAILED:
                failed.setdefault(each.detail("unit") or each.message, each)
            case Kind.LISTENING:
                listening[each.detail("address"), int(each.detail("port"))] = None
            case Kind.INTERFACE | Kind.LINK | Kind.ADDRESS:
                _seen(interfaces, each)
    timed = [each.at for each in events if each.at is not None]
    emergency = {"emergency.target", "rescue.target"} & targets.keys()
    troubles = [each for each in events if each.kind in TROUBLE]
    if emergency and not any(each.kind is Kind.EMERGENCY for each in troubles):
        troubles += [replace(each, kind=Kind.EMERGENCY) for each in events if _is_emergency(each)][:1]
    return LastBoot(
        at=timed[0] if timed else None,
        until=timed[-1] if timed else None,
        whole=events[0].kind is Kind.BOOT,
        source=events[0].source,
        targets=tuple(targets.items()),
        failed=tuple(failed.values())[:MOST],
        interfaces=tuple(interfaces.values())[:MOST],
        listening=tuple(listening),
        troubles=tuple(troubles[:MOST]),
        sshd_errors=tuple(each for each in events if each.kind is Kind.SSHD_ERROR)[-MOST:],
        logins=tuple(each for each in events if each.kind is Kind.LOGIN)[-MOST:],
        ended=bool(ENDING & targets.keys()) or any(each.kind is Kind.SHUTDOWN for each in events),
    )


def _is_emergency(event: Event) -> bool:
    name = event.detail("target")
    return event.kind is Kind.TARGET and _TARGETS.get(name, name) in ("emergency.target", "rescue.target")


def _seen(interfaces: dict[str, SeenInterface], event: Event) -> None:
    name = event.detail("interface")
    if not name and event.detail("address") and len(interfaces) == 1:
        name = next(iter(interfaces))  # dhclient does not say of which
    if not name or name == "lo":
        return
    known = interfaces.get(name, SeenInterface(name))
    old = event.detail("old")
    if old and old in interfaces:
        known = replace(interfaces.pop(old), name=name)
    mac = event.detail("mac")
    interfaces[name] = replace(
        known,
        mac=mac if len(mac) == 17 else known.mac,
        address=event.detail("address") or known.address,
        up=known.up or event.kind is Kind.LINK or bool(event.detail("address")),
        was=old or known.was,
    )


def _loop(boots: list[list[Event]]) -> int:
    """How many boots at the end each lasted less than `QUICK`, came to no login service, and were not shut down."""
    count = 0
    after: datetime | None = None
    for events in reversed(boots):
        told = _told(events)
        start = told.at
        lasted = (after or told.until or start) - start if start is not None else None
        after = start
        if lasted is None or lasted > QUICK or lasted < timedelta(0) or told.came_up or told.ended:
            break
        count += 1
    return count if count >= LOOP else 0
