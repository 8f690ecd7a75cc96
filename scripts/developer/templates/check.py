"""TODO: what is wrong, in one line, in the words of the person it happens to.

Symptom: TODO: what the client prints, word for word, or what hangs.

Cause: TODO: how it comes about; which programs and versions.

Repair: TODO: what is changed, and what is not.

See: TODO: the man page, or the file and function of the program that decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read, Tree

STEP = Step.SERVICE
PATH = "/etc/cause-id.conf"
READS = (Read(PATH, depth=0),)

WRONG = "locked = yes"


def find(facts: Facts) -> Iterator[Finding]:
    lines = (facts.tree.text(PATH) or "").split("\n")
    if WRONG not in lines:
        return
    number = lines.index(WRONG)
    yield Finding(
        check="cause-id",
        step=STEP,
        severity=Severity.BROKEN,
        message=f'{PATH} has the line "{WRONG}", so the SSH server does not start.',
        symptom=Symptom.REFUSED,
        locations=(Location(facts.tree.resolve(PATH), number + 1, WRONG),),
        repairs=(Repair(f"remove the line from {PATH}", Safety.SAFE, partial(_without, number=number)),),
    )


def _without(tree: Tree, number: int) -> Tree:
    lines = (tree.text(PATH) or "").split("\n")
    return tree.write(PATH, "\n".join(lines[:number] + lines[number + 1 :]))
