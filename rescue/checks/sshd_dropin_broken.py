"""A change to sshd's unit stops systemd from starting it.

Symptom: "ssh: connect to host SERVER port 22: Connection refused"; systemctl status says "bad-setting", or that the
start failed with result "resources" or status 203.

Cause: a drop-in in /etc/systemd/system/ssh.service.d (as `systemctl edit ssh` writes it) or a custom unit file.
ExecStart= adds a command to the existing ones, and a service like sshd may have only one: an empty "ExecStart=" must
clear the old one first. Other mistakes: a missing file in EnvironmentFile=, a missing program (also in ExecStartPre=),
Requires= (a line, or a link in ssh.service.requires) of a unit that does not exist or is masked, and PrivateNetwork= or
User=, which make sshd useless. A whole copy of the unit in /etc/systemd/system hides the package's own and gets
outdated: after an upgrade its program may be gone.

Before systemd 254 a service wanted by multi-user.target starts at boot even if a required unit is missing; from 254 on
it silently does not. So the finding depends on the systemd release.

Repair: add the empty "ExecStart=" before the new one; mark a missing file as optional ("EnvironmentFile=-..."); remove
the name of the missing unit, or its link; comment out any other faulty line. The drop-in's other settings stay. A copy
of the whole unit whose program is gone is set aside in its directory, so that the package's unit applies again.

See: systemd.service(5) on ExecStart=, systemd.exec(5) on EnvironmentFile=, systemd.unit(5) on Requires=, systemctl(1)
on edit; pull request 27852 of systemd on what is required and missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS, systemd_version
from rescue.logins.ssh_units import SERVICES
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.services.unit_edit import comment_out, insert_before, replace_value
from rescue.services.unit_files import parse_unit
from rescue.services.units import UNIT_READS, Unit, Value
from rescue.tree import Read, Tree

STEP = Step.SERVICE
READS = (*UNIT_READS, *PACKAGE_READS)

SECTION = "Service"
COMMAND, VARIABLES = "ExecStart", "EnvironmentFile"
BEFORE = "ExecStartPre"
NEEDED = ("Requires", "BindsTo", "Requisite")
LINKED = "link"
"""The key for a link in UNIT.requires, instead of Requires=."""
REFUSED_SINCE = 254
"""The first systemd release that does not start a unit if a requirement can't be loaded."""
ASIDE = ".set-aside"
LOADED = (".service", ".socket", ".target", ".timer", ".path")
"""Unit types that are files; generators or the kernel create the others."""
SHUT_IN = (
    ("PrivateNetwork", ("no", "false", "0", "off", ""), "leaves sshd without a network"),
    ("User", ("root", "0", ""), "leaves sshd without the rights to let anybody in"),
)
SPECIAL = "@-:+!|"
"""Prefixes allowed before a program's path (systemd.service(5))."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.units.manager != "systemd":
        return
    found = {unit.name: unit for name in SERVICES if (unit := facts.units.unit(name)).present}
    for unit in found.values():
        yield from _commands(unit)
        yield from _missing_files(facts.tree, unit)
        yield from _missing_program(facts, unit)
        yield from _own_lines(facts, unit)


def _commands(unit: Unit) -> Iterator[Finding]:
    commands = unit.values(SECTION, COMMAND)
    kinds = unit.values(SECTION, "Type")
    if kinds and kinds[-1].text == "oneshot":
        return
    if len(commands) > 1:
        last = commands[-1].location
        first = next(each.location for each in commands if each.location.path == last.path)
        edit = partial(insert_before, location=first, text=f"{COMMAND}=")
        yield _finding(
            unit,
            f"it has {len(commands)} {COMMAND}= commands, but a service like this may have only one",
            tuple(each.location for each in reversed(commands)),
            Repair(f"add an empty {COMMAND}= before {first}", Safety.SAFE, edit),
        )
    elif not commands and (emptied := _emptied(unit)) is not None:
        edit = partial(comment_out, location=emptied)
        yield _finding(
            unit,
            f"no {COMMAND}= is left: {emptied} clears them all",
            (emptied,),
            Repair(f"comment out {emptied}", Safety.SAFE, edit),
        )


def _emptied(unit: Unit) -> Location | None:
    """The line that cleared the last command."""
    empty = [each for each in unit.assignments if (each.section, each.key, each.text) == (SECTION, COMMAND, "")]
    before = [each for each in unit.assignments if (each.section, each.key) == (SECTION, COMMAND) and each.text]
    return empty[-1].location if empty and before else None


def _missing_files(tree: Tree, unit: Unit) -> Iterator[Finding]:
    for each in unit.values(SECTION, VARIABLES):
        path = each.text
        if not path.startswith("/") or "%" in path or any(wild in path for wild in "*?["):
            continue
        tree.require(Read(path, depth=0, content=False))
        if tree.entry(path) is None:
            edit = partial(replace_value, location=each.location, old=path, new=f"-{path}")
            yield _finding(
                unit,
                f"the file {path} in {VARIABLES}= is missing",
                (each.location,),
                Repair(f"make that file optional ({each.location})", Safety.SAFE, edit),
            )


def _missing_program(facts: Facts, unit: Unit) -> Iterator[Finding]:
    """Only if a custom file names it: another check reports a package's missing program."""
    commands = unit.values(SECTION, COMMAND)
    if len(commands) != 1 or not str(commands[0].location.path).startswith("/etc/"):
        return
    path = _program(commands[0])
    if not path.startswith("/") or "%" in path:
        return
    facts.tree.require(Read(path, depth=0, content=False))
    entry = facts.tree.entry(path)
    if entry is None or not entry.is_file or not entry.mode & 0o111:
        place = commands[0].location
        fault = "is missing" if entry is None else "can't be executed"
        yield _finding(unit, f"the program {path} {fault}", (place,), _without(facts, unit, place))


def _without(facts: Facts, unit: Unit, place: Location) -> Repair:
    """Use the package's own command again: without the copied unit, or without the drop-in's command."""
    package = facts.units.package_file(unit.name)
    if package is None:
        return Repair(f"correct {place}", Safety.MANUAL, steps=f"correct the path in {place.path}")
    if place.path == unit.path:
        own = {(each.section, each.key, each.text) for each in unit.assignments if each.location.path == place.path}
        shipped = {(each.section, each.key, each.text) for each in parse_unit(facts.tree.text(package) or "", package)}
        other = sorted(f"{key}={text}" for section, key, text in own - shipped if key not in (COMMAND, "Description"))
        title, edit = f"set the copy {place.path} aside, so that {package} applies", partial(set_aside, path=place.path)
        if not other:
            return Repair(title, Safety.SAFE, edit)
        lost = f"settings only in the copy no longer apply: {', '.join(other[:3])}"
        return Repair(title, Safety.UNSAFE, edit, weakens=lost)
    return Repair(
        f"comment out {COMMAND}= in {place.path}, so that the command of {package} applies",
        Safety.SAFE,
        partial(comment_out_commands, path=str(place.path)),
    )


def _own_lines(facts: Facts, unit: Unit) -> Iterator[Finding]:
    """What custom files add: dependencies that can't be met, and settings that isolate the service."""
    for key in NEEDED:
        for each in unit.values("Unit", key):
            if _own(each):
                yield from _unmet(facts, unit, key, each)
    for each in facts.units.required_links(unit.name):
        if _own(each):
            yield from _unmet(facts, unit, LINKED, each)
    for each in unit.values(SECTION, BEFORE):
        path = _program(each)
        if _own(each) and not each.text.startswith("-") and path.startswith("/") and "%" not in path:
            facts.tree.require(Read(path, depth=0, content=False))
            if facts.tree.entry(path) is None:
                yield _taken_out(unit, f"the program {path} in {BEFORE}= is missing", each.location)
    for key, harmless, what in SHUT_IN:
        last = unit.values(SECTION, key)[-1:]
        if last and _own(last[0]) and last[0].text.lower() not in harmless:
            yield _taken_out(unit, f"{key}={last[0].text} {what}", last[0].location)


def _own(value: Value) -> bool:
    return str(value.location.path).startswith("/etc/")


def _unmet(facts: Facts, unit: Unit, key: str, value: Value) -> Iterator[Finding]:
    for word in value.text.split():
        if "%" in word or not word.endswith(LOADED):
            continue
        other = facts.units.unit(word)
        if other.present:
            yield from _failing(facts, unit, other, value)
            continue
        doubt = _started_all_the_same(facts, unit, key)
        if doubt is None:
            continue
        state = "is masked" if other.masked else "does not exist"
        places = (value.location, *((other.mask,) if other.mask is not None else ()))
        if key == LINKED:
            edit = partial(_remove, path=str(value.location.path))
            repair = Repair(f"remove the link {value.location.path}", Safety.SAFE, edit)
            yield _finding(unit, f"it requires {word}, which {state}", places, repair, doubt)
        elif value.text.split() == [word]:
            repair = Repair(f"comment out {value.location}", Safety.SAFE, partial(comment_out, location=value.location))
            yield _finding(unit, f"{key}= names {word}, which {state}", places, repair, doubt)
        else:
            edit = partial(replace_value, location=value.location, old=word, new="")
            repair = Repair(f"remove {word} from {value.location}", Safety.SAFE, edit)
            yield _finding(unit, f"{key}= names {word}, which {state}", places, repair, doubt)


def _started_all_the_same(facts: Facts, unit: Unit, key: str) -> str | None:
    """Whether systemd starts the unit although a requirement can't be loaded: None if so, else a doubt, or "".

    Up to 253, the job of a wanted unit stays if its requirement can't be queued; 254 drops it.
    """
    if key not in ("Requires", "Requisite", LINKED):
        return ""
    release = systemd_version(facts.tree)
    if release is None:
        return f"systemd before {REFUSED_SINCE} starts it anyway, and the version of this one is not known"
    if release >= REFUSED_SINCE:
        return ""
    if facts.release.is_red_hat:
        return f"systemd {release} starts it anyway, unless the change in {REFUSED_SINCE} was backported"
    return None


def _failing(facts: Facts, unit: Unit, other: Unit, value: Value) -> Iterator[Finding]:
    """A required unit that will fail because its program is missing."""
    if other.unmet is not None or not other.name.endswith(".service"):
        return
    for command in other.values(SECTION, COMMAND):
        path = _program(command)
        if command.text.startswith(("-", "@-", "+-", "!-")) or not path.startswith("/") or "%" in path:
            continue
        facts.tree.require(Read(path, depth=0, content=False))
        if facts.tree.entry(path) is None:
            what = f"it requires {other.name}, whose program {path} is missing"
            yield _finding(
                unit,
                what,
                (value.location, command.location),
                Repair(f"repair {other.name}, or remove it from {value.location}", Safety.MANUAL),
                f"whether the failure of {other.name} stops it depends on the order in which systemd starts them",
            )
            return


def _taken_out(unit: Unit, what: str, place: Location) -> Finding:
    return _finding(
        unit, what, (place,), Repair(f"comment out {place}", Safety.SAFE, partial(comment_out, location=place))
    )


def _program(command: Value) -> str:
    words = command.text.split()
    return words[0].lstrip(SPECIAL).strip('"') if words else ""


def _finding(unit: Unit, what: str, locations: tuple[Location, ...], repair: Repair, doubt: str = "") -> Finding:
    return Finding(
        check="sshd-dropin-broken",
        step=STEP,
        severity=Severity.BROKEN if unit.started and not doubt else Severity.DOUBTFUL,
        message=f"systemd can't start {unit.name}: {what} ({locations[0]}).",
        symptom=Symptom.REFUSED,
        locations=locations,
        repairs=(repair,),
        subject=what,
        reason=doubt if unit.started else f"{unit.name} does not start at boot by itself",
    )


def comment_out_commands(tree: Tree, path: str) -> Tree:
    """The tree with every ExecStart= of the file commented out."""
    lines = (tree.text(path) or "").split("\n")
    for each in parse_unit("\n".join(lines), PurePosixPath(path)):
        if (each.section, each.key) == (SECTION, COMMAND):
            lines[each.location.line - 1] = f"#{lines[each.location.line - 1]}"
    return tree.write(path, "\n".join(lines))


def set_aside(tree: Tree, path: PurePosixPath) -> Tree:
    """The tree with the file renamed so that systemd does not read it. ValueError if that name is taken."""
    entry, aside = tree.lentry(path), f"{path}{ASIDE}"
    if entry is None or tree.lentry(aside) is not None:
        raise ValueError(f"{aside} already exists" if entry is not None else f"{path} is gone")
    if entry.is_link:
        return tree.remove(path).make_link(aside, entry.link)
    kept = tree.write(aside, tree.data(path) or b"", mode=entry.mode, uid=entry.uid, gid=entry.gid)
    return kept.remove(path)


def _remove(tree: Tree, path: str) -> Tree:
    return tree.remove(path)
