"""The SSH server does not take keys of your key's kind.

Symptom: "me@SERVER: Permission denied (publickey)." although the key is in authorized_keys; the server's log says "key
type ssh-ed25519 not in PubkeyAcceptedAlgorithms".

Cause: PubkeyAcceptedAlgorithms (PubkeyAcceptedKeyTypes up to OpenSSH 8.4) lists the kinds of keys that count, and
yours is none of them: a list for older keys only, a hardening guide, or a new version that dropped ssh-dss or RSA keys
signed with SHA-1.

Repair: the kind of your key is added to the list that counts. Kinds that OpenSSH itself has given up are not brought
back: there another key is the way.

See: sshd_config(5) on PubkeyAcceptedAlgorithms and RequiredRSASize; auth2-pubkey.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.checks._each_login import SSHD_READS, each_login
from rescue.facts import Facts
from rescue.formats.accounts import Account
from rescue.model import Finding, Link, Repair, Safety, Severity, Symptom
from rescue.sshd import edit
from rescue.sshd.effective import Setting
from rescue.sshd.patterns import match_list

LINK = Link.KEY
READS = SSHD_READS

SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
"""The algorithms with which a key of this type can sign; any other type signs with its own (RFC 8332)."""

ADDED = {"ssh-rsa": "rsa-sha2-512"}
"""What is added to a list for a key of this type: for RSA not the form with SHA-1."""


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    effective = facts.effective(account)
    setting = effective.setting("PubkeyAcceptedAlgorithms")
    if setting.location is None or not setting.words or effective.words("PubkeyAuthentication") == ("no",):
        return None
    kinds = _kinds(facts, account)
    if not kinds or any(_taken(setting.words[0], kind) is not False for kind in kinds):
        return None
    listed = " and ".join(kinds)
    return Finding(
        check="sshd-algo-mismatch",
        link=LINK,
        severity=Severity.BROKEN,
        message=f"The SSH server takes no key of {account.name}: their kind, {listed}, is not in "
        f"PubkeyAcceptedAlgorithms ({setting.location}).",
        symptom=Symptom.DENIED,
        locations=(setting.location,),
        repairs=_repairs(setting, kinds),
        subject=account.name,
    )


def _kinds(facts: Facts, account: Account) -> tuple[str, ...]:
    """The types of the keys in question: the client's, where it is known and the account has it, else all there are."""
    wanted = facts.client.key.split()[1] if facts.client.key is not None else ""
    keys = [key for found in facts.key_files(account) for key in found.keys]
    return tuple(dict.fromkeys(key.type for key in keys if not wanted or key.blob == wanted))


def _taken(value: str, kind: str) -> bool | None:
    """Whether a list takes keys of a type; None where that hangs on the defaults of the version."""
    names = SIGNATURES.get(kind, (kind,))
    found = any(match_list(name, value.lstrip("+-^")) == 1 for name in names)
    if value[:1] in "+^":
        return found or None
    if value[:1] == "-":
        every = all(match_list(name, value[1:]) == 1 for name in names)
        return False if every else None
    return found


def _repairs(setting: Setting, kinds: tuple[str, ...]) -> tuple[Repair, ...]:
    assert setting.location is not None
    value, kind = setting.words[0], kinds[0]
    if kind == "ssh-dss":
        return (Repair("make a new key (ssh-keygen -t ed25519), and add it with --key FILE", Safety.MANUAL),)
    name = ADDED.get(kind, kind)
    if value.startswith("-"):
        kept = [each for each in value[1:].split(",") if match_list(name, each) != 1]
        new = f"-{','.join(kept)}" if kept else ""
    else:
        new = f"{value},{name}"
    if not new:
        change = partial(edit.comment_out, location=setting.location)
    else:
        change = partial(edit.set_value, location=setting.location, value=new)
    return (Repair(f"take keys of the kind {name} as well ({setting.location})", Safety.SAFE, change),)
