"""``rescue fix --add-key FILE --user NAME``: which key is added for whom, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.errors import UsageError
from rescue.examine import Examination
from rescue.keys.authorized_keys import AuthorizedKey
from rescue.model import Location
from rescue.plan import Plan
from rescue.sshd.key_kinds import hopeless
from rescue.text.safe import safe
from rescue.verbs.request.public_key import comment_of, key_to_add
from rescue.verbs.request.session import Session

CAUSE, HOME = "key-missing", "home-missing"


@dataclass(frozen=True, slots=True)
class Adding:
    """A key that is to open an account."""

    user: str
    key: AuthorizedKey

    @property
    def finding(self) -> tuple[str, str]:
        """The finding whose repair adds the key."""
        return (CAUSE, self.user)

    @property
    def findings(self) -> frozenset[tuple[str, str]]:
        """Those whose repairs it takes: the key needs a home as well."""
        return frozenset({self.finding, (HOME, self.user)})

    @property
    def words(self) -> str:
        """The key for people: its kind, its fingerprint and its comment."""
        comment = comment_of(self.key)
        return f"{self.key.type} {self.key.fingerprint}{f' ({comment})' if comment else ''}"

    def check(self, examination: Examination) -> None:
        """Raise UsageError where this sshd never takes keys of that kind."""
        facts = examination.facts
        account = facts.accounts.get(self.user)
        if account is None:
            return
        reason = hopeless(facts.effective(account), self.key.type, self.key.bits)
        if reason is not None:
            at = f" ({reason.location})" if reason.location is not None else ""
            raise UsageError(
                f"this key would not open {safe(self.user)}: {reason.why}{at}",
                "Make a new one on your computer with: ssh-keygen -t ed25519",
            )

    def place(self, examination: Examination) -> Location | None:
        """The line of a file that this sshd reads for the user which has the key."""
        facts = examination.facts
        account = facts.accounts.get(self.user)
        if account is None:
            return None
        lines = [key for found in facts.key_files(account) for key in found.keys if key.blob == self.key.blob]
        return lines[0].location if lines else None


@dataclass(frozen=True, slots=True)
class KeyOutcome:
    """What a plan does with the key. state: "added", "present" or "missing"; place: its line, where it has one."""

    adding: Adding
    state: str
    place: Location | None
    reason: str = ""

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        key = self.adding.key
        return {
            "user": self.adding.user,
            "type": key.type,
            "fingerprint": key.fingerprint,
            "comment": comment_of(key),
            "state": self.state,
            "file": str(self.place.path) if self.place is not None else None,
            "line": self.place.line if self.place is not None else None,
            "reason": self.reason,
        }

    def words(self, *, written: bool) -> str:
        """A sentence for people, harmless to print. written: the plan was carried out."""
        key, user = safe(self.adding.words), safe(self.adding.user)
        if self.state == "present":
            return f"The key {key} is there already for {user}: {safe(str(self.place))}."
        if self.state == "added":
            verb = "was added" if written else "would be added"
            return f"The key {key} {verb} for {user}: {safe(str(self.place))}."
        return f"The key {key} is not added for {user}: {safe(self.reason)}."


def adding(session: Session) -> Adding | None:
    """What is to be added; None without ``--add-key``. Raises UsageError where nobody is named."""
    path = session.request.who.add_key
    if path is None:
        return None
    if session.client.user is None:
        raise UsageError("--add-key needs to know for whom", "Add --user NAME: the account that the key is to open.")
    return Adding(session.client.user, key_to_add(path))


def outcome(wanted: Adding, plan: Plan) -> KeyOutcome:
    """What the plan does with the key."""
    before, after = wanted.place(plan.before), wanted.place(plan.after)
    if before is not None or after is not None:
        return KeyOutcome(wanted, "present" if before is not None else "added", after or before)
    left = {each.finding.key: each.reason for each in plan.left}
    reason = left.get(wanted.finding) or _other_reason(wanted, plan)
    homeless = left.get((HOME, wanted.user))
    if homeless is not None:
        reason = f"the home is not there, and {homeless}"
    return KeyOutcome(wanted, "missing", None, reason)


def _other_reason(wanted: Adding, plan: Plan) -> str:
    facts = plan.after.facts
    account = facts.accounts.get(wanted.user)
    if account is None:
        return "there is no such account"
    if facts.effective(account).words("PubkeyAuthentication") == ("no",):
        return "sshd takes no keys, as PubkeyAuthentication is no"
    if any(found.unread for found in facts.key_files(account)):
        return "the key file is too large to be read"
    return "the keys are in a file that sshd does not look into"
