"""Values of systemd's settings: truth values, lists, sizes, capabilities, address families.

What systemd can't read it ignores, and says so in its log: the setting is then as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from re import compile as compile_pattern
from shlex import split

from rescue.model import Location
from rescue.services.units import Unit

YES = frozenset({"1", "yes", "y", "true", "t", "on"})
NO = frozenset({"0", "no", "n", "false", "f", "off"})

CAPABILITIES = frozenset(
    """
    chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service
    net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct
    sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap
    mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore
    """.split()  # noqa: SIM905  a table
)
"""capabilities(7), without "CAP_"."""

_SIZE = compile_pattern(r"(\d+)(?:\.\d+)?\s*([KMGTPE]?)(?:i?B)?")
MOST_WORDS = 1000


def truth(text: str) -> bool | None:
    """A truth value (parse_boolean); None for anything else."""
    word = text.strip().lower()
    return True if word in YES else False if word in NO else None


def words(text: str) -> list[str]:
    """The words of a list, quotes taken off; [] where they don't match."""
    try:
        return split(text)[:MOST_WORDS]
    except ValueError:
        return []


def listed(unit: Unit, key: str, section: str = "Service") -> Iterator[tuple[str, Location]]:
    """Each word of a list setting that is in force, with its line: later lines add, an empty one starts again."""
    for value in unit.values(section, key):
        for word in words(value.text):
            yield word, value.location


def size(text: str) -> int | None:
    """Bytes or a number; None for infinity, a percentage, or what can't be read."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or len(match[1]) > 18:
        return None
    return int(match[1]) << (10 * " KMGTPE".index(match[2] or " "))


def hard_limit(text: str) -> int | None:
    """The lower number of a LimitX=, which has one value or soft:hard; None for no limit, or what can't be read."""
    sizes = [size(part) for part in text.split(":")]
    known = [each for each in sizes if each is not None]
    return known[0] if known and len(sizes) <= 2 else None


def bounding_set(unit: Unit) -> tuple[frozenset[str], tuple[Location, ...]]:
    """The capabilities that CapabilityBoundingSet= leaves, and its lines (config_parse_capability_set)."""
    left, lines = CAPABILITIES, []
    for each in unit.assignments:
        if (each.section, each.key) != ("Service", "CapabilityBoundingSet"):
            continue
        text = each.text
        taken = text.startswith("~")
        named = frozenset(word.lower().removeprefix("cap_") for word in words(text.removeprefix("~"))) & CAPABILITIES
        if not named or left == CAPABILITIES:
            left = CAPABILITIES - named if taken else named
            lines = [each.location]
        else:
            left = left - named if taken else left | named
            lines.append(each.location)
    return left, tuple(lines)


def families(unit: Unit) -> tuple[bool, frozenset[str], tuple[Location, ...]]:
    """RestrictAddressFamilies=: whether those named are allowed (else denied), which, and the lines.

    Nothing named and denied is no restriction.
    """
    allowed, named, lines = False, set[str](), []
    for value in unit.values("Service", "RestrictAddressFamilies"):
        text = value.text
        if text == "none":
            allowed, named, lines = True, set(), [value.location]
            continue
        inverted = text.startswith("~")
        if not lines:
            allowed = not inverted
        lines.append(value.location)
        for word in words(text.removeprefix("~")):
            # A list of what is allowed loses what an inverted line names, and the other way round.
            if allowed is not inverted:
                named.add(word)
            else:
                named.discard(word)
    return allowed, frozenset(named), tuple(lines)
