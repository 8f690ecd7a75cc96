"""Whether an account logs in with a password: what opens it, and which settings prevent it. No check itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rescue.accounts.database import Account, Password
from rescue.accounts.hashes import schemes
from rescue.facts import Facts
from rescue.keys.mending import mended
from rescue.logins.each_login import elsewhere
from rescue.logins.key_files import misplaced, overlooked, places
from rescue.model import Location
from rescue.sshd import Effective, edit
from rescue.sshd.effective import Setting
from rescue.sshd.language.files import CONFIG
from rescue.tree import Tree

PASSWORD, KEYBOARD = "password", "keyboard-interactive"


@dataclass(frozen=True, slots=True)
class Shut:
    """A setting that prevents it. words: as written; location: None if it is the default."""

    keyword: str
    value: str
    location: Location | None
    undecided: Location | None = None

    def __str__(self) -> str:
        where = f"({self.location})" if self.location is not None else "(the default)"
        return f"{self.keyword} {self.value} {where}"


@dataclass(frozen=True, slots=True)
class UselessPassword:
    """Why no password opens an account that was given one. certain: false where the library may know the scheme."""

    why: str
    location: Location


def has_password(facts: Facts, account: Account) -> bool:
    """Whether the account has a password that can match; an empty one counts where sshd takes it."""
    state = facts.accounts.password(account)
    if state is Password.NONE:
        return facts.effective(account).words("PermitEmptyPasswords") == ("yes",)
    return state is Password.HASH and useless(facts, account) is None


def useless(facts: Facts, account: Account) -> UselessPassword | None:
    """Why no password opens the account, though somebody gave it one; None where one does, or none was meant to."""
    place = facts.accounts.password_location(account)
    flaw = facts.accounts.password_flaw(account)
    if flaw:
        return UselessPassword(flaw, place)
    state = facts.accounts.password(account)
    if state is Password.NONE:
        setting = facts.effective(account).setting("PermitEmptyPasswords")
        if setting.words == ("yes",):
            return None
        at = f"({setting.location})" if setting.location is not None else "(the default)"
        return UselessPassword(
            f"the password is empty, and sshd takes no empty one: PermitEmptyPasswords no {at}", place
        )
    shadow = facts.accounts.shadow(account.name) if account.password is None else None
    if state is not Password.HASH or shadow is None or shadow.scheme in _EVERYWHERE:
        return None
    known = schemes(facts.tree, facts.release.id)
    if known is None or shadow.scheme in known[0] or shadow.scheme in known[1]:
        return None
    return UselessPassword(
        f"the password is hashed with {shadow.scheme}, which is too new for this server's libcrypt",
        place,
    )


_EVERYWHERE = frozenset({"des", "md5", "sha256", "sha512"})


def password_opens(facts: Facts, account: Account) -> bool:
    """Whether the account has a password that sshd accepts."""
    return has_password(facts, account) and not tuple(shut(facts, account))


def by_password(facts: Facts, account: Account) -> bool:
    """Whether this login uses a password: a usable one exists, but no key, and nothing that was meant as one.

    If the client named a key, only the login with that key is judged.
    """
    if not has_password(facts, account):
        return False
    return (facts.client.by_password and facts.client.key is None) or without_key(facts, account)


def without_key(facts: Facts, account: Account) -> bool:
    """Whether this login can't use a key: none is there, and nothing that was meant as one; the client named none."""
    if facts.client.key is not None:
        return False
    files = facts.key_files(account)
    if any(found.keys or found.unread or any(line.authority for line in found.lines) for found in files):
        return False
    if elsewhere(facts, account) or overlooked(facts, account) is not None:
        return False
    facts.tree.require(*places(facts, account))
    meant = any(mended(facts.tree.data(found.path) or b"") is not None for found in files)
    return not meant and not any(misplaced(facts, account))


def shut(facts: Facts, account: Account) -> Iterator[Shut]:
    """The settings that must change before sshd accepts a password; () if it already does."""
    effective = facts.effective(account)
    if not _asked(effective):
        # Plain password logins are what the repair enables: PAM decides what keyboard-interactive asks for.
        yield _shut(effective, "PasswordAuthentication")
    if account.uid == 0 and effective.words("PermitRootLogin") in (("prohibit-password",), ("without-password",)):
        yield _shut(effective, "PermitRootLogin")
    lists = effective.setting("AuthenticationMethods")
    if lists.words not in ((), ("any",)) and not any(_alone(word, effective) for word in lists.words):
        yield _shut(effective, "AuthenticationMethods")


def _asked(effective: Effective) -> bool:
    keyboard = effective.words("KbdInteractiveAuthentication") == ("yes",) and effective.words("UsePAM") == ("yes",)
    return keyboard or effective.words("PasswordAuthentication") == ("yes",)


def _alone(word: str, effective: Effective) -> bool:
    """Whether a password alone satisfies a list of methods."""
    methods = {method.partition(":")[0] for method in word.split(",")}
    return methods <= {PASSWORD, KEYBOARD}


def _shut(effective: Effective, keyword: str) -> Shut:
    setting: Setting = effective.setting(keyword)
    other = next(iter(effective.alternatives(keyword)), None)
    return Shut(keyword, " ".join(setting.words), setting.location, other.match if other is not None else None)


def opened(tree: Tree, ways: tuple[Shut, ...]) -> Tree:
    """The tree where each of the settings allows passwords."""
    for each in ways:
        value = PASSWORD if each.keyword == "AuthenticationMethods" else "yes"
        if each.location is None:
            tree = edit.insert_global(tree, CONFIG, f"{each.keyword} {value}")
        elif each.keyword == "AuthenticationMethods":
            tree = edit.add_words(tree, each.location, (PASSWORD,))
        else:
            tree = edit.set_value(tree, each.location, value)
    return tree
