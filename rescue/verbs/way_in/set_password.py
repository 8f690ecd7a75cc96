"""``rescue fix --set-password USER``: the password is asked for, hashed here, and never shown or kept."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import choice

from rescue.accounts.new_password import has_it, rounds, with_password
from rescue.accounts.sha_crypt import ALPHABET, SALT, sha512_crypt
from rescue.errors import UsageError
from rescue.examine import Examination
from rescue.logins.pam import today
from rescue.logins.ways.password import shut
from rescue.logins.ways.taken_away import TAKEN_READS, taken_away
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.planner import Plan
from rescue.text.safe import cut, safe
from rescue.tree import Tree
from rescue.ui.prompts import passphrase

CAUSE = "set-password"
SHORTEST = 8
"""Characters: whoever reaches the port can guess shorter ones."""
LIMIT = 1024
"""Bytes of a password that are read (PAM_MAX_RESP_SIZE is 512)."""
STDIN = "-"


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The password that an account is to have. salt: made once, so that each plan hashes it alike."""

    user: str
    word: bytes = field(repr=False)
    salt: str = field(repr=False)

    def demanded(self, day: int) -> tuple[Finding, Repair]:
        """What is asked for, as the plan takes it."""
        finding = Finding(
            check=CAUSE,
            step=Step.KEY,
            severity=Severity.BROKEN,
            message=f"A new password was asked for: {self.user}.",
            symptom=Symptom.DENIED,
            subject=self.user,
        )
        repair = Repair(
            f"set a new password for {self.user}",
            Safety.UNSAFE,
            partial(self._set, day=day),
            weakens=f"whoever knows or guesses the password gets in as {self.user}; the old one is gone",
        )
        return finding, repair

    def _set(self, tree: Tree, day: int) -> Tree:
        tree.require(*TAKEN_READS)  # what `warnings` asks of the plan's tree
        return with_password(tree, self.user, sha512_crypt(self.word, self.salt, rounds(tree)), day)

    def warnings(self, examination: Examination) -> tuple[str, ...]:
        """What to know beforehand: who takes the password away again, and whether sshd asks for it at all."""
        facts = examination.facts
        account = facts.accounts.get(self.user)
        if account is None:
            return (f"There is no account {self.user}.",)
        told = list(taken_away(facts, account))
        if not facts.sshd.fatal and (ways := [str(each) for each in shut(facts, account)]):
            told.insert(0, f"sshd does not take {self.user}'s password yet: {' and '.join(ways)}.")
        return tuple(told)


@dataclass(frozen=True, slots=True)
class PasswordOutcome:
    """What a plan does with it. warnings: sentences, not yet safe to print."""

    user: str
    done: bool
    warnings: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return {"user": self.user, "state": "set" if self.done else "missing", "warnings": list(self.warnings)}

    def words(self, *, written: bool) -> str:
        """A sentence for people, harmless to print. written: the plan was carried out."""
        if not self.done:
            return f"No password was set for {safe(self.user)}."
        return f"A new password {'was' if written else 'would be'} set for {safe(self.user)}."


def new_password(user: str | None, source: str | None) -> NewPassword | None:
    """The password to set; None where none was asked for. source: a file, "-" for standard input; else it is asked for.

    Raises UsageError for a password that can't be one.
    """
    if user is None:
        if source is not None:
            raise UsageError("--password-file belongs to --set-password", "Add --set-password NAME.")
        return None
    word = _typed(user) if source is None else _read(source)
    if not word or b"\0" in word or len(word) >= LIMIT:
        raise UsageError("that is no password", "It is one line, of 8 characters or more.")
    if len(word.decode("utf-8", "replace")) < SHORTEST:
        raise UsageError(
            f"the password is too short: {SHORTEST} characters at least",
            "Whoever reaches the SSH port can try passwords. Four random words make a good one.",
        )
    return NewPassword(user, word, "".join(choice(ALPHABET) for _ in range(SALT)))


def _typed(user: str) -> bytes:
    try:
        Path("/dev/tty").open("rb").close()
    except OSError as problem:
        raise UsageError(
            "there is no terminal to type a password at", "Give it with --password-file FILE, or - for standard input."
        ) from problem
    first = passphrase(f"New password for {safe(user)} (nothing is shown): ")
    if first != passphrase("The same again: "):
        raise UsageError("the two passwords differ", "Nothing was changed. Type the same one twice.")
    return first.encode("utf-8", "surrogateescape")


def _read(source: str) -> bytes:
    """The first line of the file."""
    try:
        if source == STDIN:
            line = sys.stdin.buffer.readline(LIMIT)
        else:
            with Path(source).expanduser().open("rb") as stream:
                line = stream.readline(LIMIT)
    except OSError as problem:
        raise UsageError(
            f"--password-file {cut(source, 100)}: {problem.strerror}",
            "Its first line is the password; - reads it from standard input.",
        ) from problem
    return line.rstrip(b"\r\n")


def outcome(wanted: NewPassword, plan: Plan) -> PasswordOutcome:
    """What the plan does with it."""
    done = any(mend.finding.check == CAUSE for mend in plan.mends) and has_it(plan.after.facts.tree, wanted.user)
    return PasswordOutcome(wanted.user, done, wanted.warnings(plan.after))


def day_of(examination: Examination) -> int:
    """Today, as shadow(5) counts."""
    return today(examination.facts.now)
