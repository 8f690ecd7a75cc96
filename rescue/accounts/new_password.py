"""A new password for an account: its line in shadow(5), and what the server's own settings say of hashes."""

from __future__ import annotations

from rescue.accounts.database import PASSWD, SHADOW, Accounts, Password
from rescue.accounts.lines import CHANGED, PASSWORD, with_passwd_field, with_shadow_field
from rescue.accounts.login_defs import number
from rescue.accounts.sha_crypt import ROUNDS
from rescue.formats.append_line import ended
from rescue.tree import Tree

_FEWEST = "SHA_CRYPT_MIN_ROUNDS"
_MOST_ROUNDS = 1_000_000
"""More would take seconds for each login."""
IN_SHADOW = "x"
LINE = "{}:{}:{}:0:99999:7:::"


def rounds(tree: Tree) -> int:
    """How many rounds of SHA-512 the server's login.defs(5) wants at least."""
    found = number(tree, _FEWEST, ROUNDS)
    return min(max(found, ROUNDS), _MOST_ROUNDS)


def with_password(tree: Tree, name: str, hashed: str, day: int) -> Tree:
    """The tree where `hashed` is the account's password, changed on `day` (days since 1970-01-01).

    A lock goes with the old one. Raises ValueError if there is no such account, or no shadow file.
    """
    accounts = Accounts(tree)
    account = accounts.get(name)
    if account is None:
        raise ValueError(f"there is no account {name} in {PASSWD}")
    if not accounts.has_shadow:
        raise ValueError(f"{SHADOW} is missing; restore it from {SHADOW}-")
    if account.password is not None:
        tree = with_passwd_field(tree, name, PASSWORD, IN_SHADOW)
    if accounts.shadow(name) is None:
        text = tree.text(SHADOW)
        if text is None:
            raise ValueError(f"{SHADOW} can't be read")
        return tree.write(SHADOW, f"{ended(text)}{LINE.format(name, hashed, day)}\n")
    tree = with_shadow_field(tree, name, PASSWORD, hashed)
    return with_shadow_field(tree, name, CHANGED, str(day))


def has_it(tree: Tree, name: str) -> bool:
    """Whether the account has a password that can match."""
    accounts = Accounts(tree)
    account = accounts.get(name)
    return account is not None and accounts.password(account) is Password.HASH
