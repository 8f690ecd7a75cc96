"""What the checks of PAM's modules share: how to report a refusal, and edits of PAM's lines. No check itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.pam import Refusal, refusals
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.pam.stacks import Handler
from rescue.text.line_edit import commented, line_of
from rescue.tree import Tree


def refused(
    check: str, link: Step, account: Account, found: Refusal, message: str, repairs: tuple[Repair, ...]
) -> Finding:
    """A finding for a module that rejects the account, or may."""
    places = (found.ruling.location, found.handler.location)
    return Finding(
        check=check,
        step=link,
        severity=Severity.BROKEN if found.certain else Severity.DOUBTFUL,
        message=message,
        symptom=Symptom.CLOSED,
        locations=tuple(dict.fromkeys(place for place in places if place is not None)),
        repairs=repairs,
        subject=account.name,
        reason="" if found.certain else found.ruling.why,
    )


def turned_away(
    facts: Facts, account: Account, module: str, repairs: Callable[[Facts, Account, Refusal], Iterator[Repair]]
) -> Finding | None:
    """The finding, named as the module is, if a module of the account step rejects the account, or may."""
    found = next(refusals(facts, account, module), None)
    if found is None:
        return None
    told = (
        f"PAM {'turns' if found.certain else 'may turn'} {account.name} away after the key was accepted: "
        f"{found.ruling.why} ({found.handler.location})."
    )
    return refused(module.replace("_", "-"), Step.ACCOUNT, account, found, told, tuple(repairs(facts, account, found)))


def exempted(tree: Tree, location: Location, name: str) -> Tree:
    """The tree where a new line before the PAM line makes PAM skip it for one user."""
    lines, at = line_of(tree, location)
    stack = lines[at].split()[0].removeprefix("-")
    lines.insert(at, f"{stack} [success=1 default=ignore] pam_succeed_if.so quiet user = {name}")
    return tree.write(location.path, "\n".join(lines))


def insert_behind(tree: Tree, location: Location, text: str) -> Tree:
    """The tree with a new line after another one, which may span several lines."""
    lines, at = line_of(tree, location)
    while lines[at].partition("#")[0].endswith("\\") and at + 1 < len(lines):
        at += 1
    lines.insert(at + 1, text)
    return tree.write(location.path, "\n".join(lines))


_JUMP = compile_pattern(r"(\[[^\]]*\bsuccess=)([0-9]+)\b")


def past_deny(stack: tuple[Handler, ...], line: Handler) -> Iterator[Repair]:
    """What leads past the pam_deny line at which a stack ends: a longer jump, or the line commented out."""
    at = stack.index(line)
    for index, handler in enumerate(stack[:at]):
        jump = handler.actions.get("success", "")
        if jump.isdigit() and handler.location.path == line.location.path and index + int(jump) < at:
            longer = partial(_longer, location=handler.location, by=at - index - int(jump))
            yield Repair(
                f"make {handler.location} jump over pam_deny again",
                Safety.UNSAFE,
                longer,
                weakens="PAM skips the lines between for everyone whom pam_unix lets in",
            )
            break
    yield Repair(
        f"comment out {line.location}",
        Safety.UNSAFE,
        partial(commented, location=line.location),
        weakens="users whom this line blocked on purpose can get in",
    )


def _longer(tree: Tree, location: Location, by: int) -> Tree:
    lines, at = line_of(tree, location)
    lines[at] = _JUMP.sub(lambda match: f"{match[1]}{int(match[2]) + by}", lines[at], count=1)
    return tree.write(location.path, "\n".join(lines))
