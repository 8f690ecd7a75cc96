"""How this server's sshd checks an account's key files. Shared by the key checks; no check itself."""

from __future__ import annotations

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.keys.strictmodes import Walk


def walk_of(facts: Facts, account: Account) -> Walk:
    """StrictModes as set for the account, with Debian's patch if the release has it."""
    strict = facts.effective(account).words("StrictModes") != ("no",)
    return Walk(facts.tree, facts.accounts, account, private_groups=facts.release.is_debian, strict=strict)
