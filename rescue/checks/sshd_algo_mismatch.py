"""Your key type is not accepted.

Symptom: "me@SERVER: Permission denied (publickey)." although the key is in authorized_keys; the server's log says "key
type ssh-ed25519 not in PubkeyAcceptedAlgorithms".

Cause: PubkeyAcceptedAlgorithms (PubkeyAcceptedKeyTypes up to OpenSSH 8.4) lists the accepted key types, and yours is
not among them: a list for older keys only, a hardening guide, or a new version that dropped ssh-dss or RSA keys signed
with SHA-1. Or RequiredRSASize requires longer RSA keys than yours.

On Red Hat systems the list comes from the system-wide crypto policy, /etc/crypto-policies. Under FIPS no list helps:
OpenSSL itself refuses Ed25519 keys.

Repair: add your key type to the list that applies; if it comes from a policy, in a separate file in
/etc/ssh/sshd_config.d that sshd reads first. Types that OpenSSH itself dropped are not brought back: use another key.

See: sshd_config(5) on PubkeyAcceptedAlgorithms and RequiredRSASize; auth2-pubkey.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import AuthorizedKey
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.logins.handshake import crypto_policy
from rescue.logins.handshake.crypto_policy import POLICY, in_own_file, policy_of
from rescue.logins.handshake.offer import programs
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.sshd.effective import Setting
from rescue.sshd.key_kinds import NotTaken, hopeless, listed, rsa_signature, takes
from rescue.sshd.language.patterns import match_list
from rescue.tree import Tree

STEP = Step.KEY

NEW_KEY = "create a new key (ssh-keygen -t ed25519), and add it with rescue fix --add-key FILE --user NAME"

READS = (*SSHD_READS, *crypto_policy.READS)
OWN_FILE = PurePosixPath("/etc/ssh/sshd_config.d/00-key-kinds.conf")
NEW_KINDS = {
    "ssh-ed25519": "ed25519",
    "ecdsa-sha2-nistp256": "ecdsa",
    "rsa-sha2-512": "rsa -b 3072",
    "rsa-sha2-256": "rsa -b 3072",
}
"""sshd's names for the key types that can be created today, and ssh-keygen's names."""

RSA = "ssh-rsa"
"""The type of RSA keys, and the algorithm that signs with one and SHA-1."""

WEAK_NOTE = "sshd will accept RSA signatures made with SHA-1, which can be forged"

ADDED = {"ssh-rsa": "rsa-sha2-512"}
"""What to add to a list for a key of this type: for RSA not the SHA-1 form."""


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    effective = facts.effective(account)
    keys = _keys(facts, account)
    if not keys or effective.words("PubkeyAuthentication") == ("no",):
        return None
    reasons = [hopeless(effective, key.type, key.bits) for key in keys]
    known = [reason for reason in reasons if reason is not None]
    if len(known) == len(reasons):
        return _no_way(account, keys[0], known[0])
    kinds = tuple(dict.fromkeys(key.type for key, reason in zip(keys, reasons, strict=True) if reason is None))
    client = programs(facts)[-1]
    if any(takes(effective, kind, client.rsa) is not False for kind in kinds):
        return None
    setting = effective.setting("PubkeyAcceptedAlgorithms")
    signs = rsa_signature(effective, client.rsa) or next(iter(client.rsa), "")
    if setting.location is None or not setting.words:
        return _by_default(facts, account, client.title, signs) if kinds == (RSA,) else None
    told = " and ".join(kinds)
    if RSA in kinds and listed(setting.words[0], RSA) is not False:
        told = f"{told}, with which {client.title} signs by {signs}"
    policy = policy_of(facts.tree, setting.location)
    where = (
        f"{setting.location}" if policy is None else f"{setting.location}: the system-wide crypto policy is {policy}"
    )
    return Finding(
        check="sshd-algo-mismatch",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd accepts no key of {account.name}: their type, {told}, is not in "
        f"PubkeyAcceptedAlgorithms ({where}).",
        symptom=Symptom.DENIED,
        locations=(setting.location, *((Location(POLICY),) if policy is not None else ())),
        repairs=_repairs(setting, kinds, signs) if policy is None else _by_policy(facts, setting, kinds, policy),
        subject=account.name,
    )


def _by_default(facts: Facts, account: Account, client: str, signs: str) -> Finding:
    """The client that was named signs RSA keys with SHA-1 alone, which sshd no longer accepts by default."""
    line = f"PubkeyAcceptedAlgorithms +{signs}"
    return Finding(
        check="sshd-algo-mismatch",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd accepts no key of {account.name}: {client} signs for RSA keys by {signs} alone, which this "
        "version does not accept by default.",
        symptom=Symptom.DENIED,
        repairs=(
            Repair(NEW_KEY, Safety.MANUAL),
            Repair(
                f"also accept {signs}: {line}",
                Safety.UNSAFE,
                partial(_inserted, path=facts.sshd.path, text=line),
                weakens=WEAK_NOTE,
            ),
        ),
        subject=account.name,
    )


def _inserted(tree: Tree, path: PurePosixPath, text: str) -> Tree:
    return edit.insert_global(tree, path, text)


def _by_policy(facts: Facts, setting: Setting, kinds: tuple[str, ...], policy: str) -> tuple[Repair, ...]:
    value, name = setting.words[0], ADDED.get(kinds[0], kinds[0])
    taken = next((short for kind, short in NEW_KINDS.items() if listed(value, kind) is True), "ecdsa")
    another = Repair(
        f"create a key of a type that the policy accepts (ssh-keygen -t {taken}), and add it with "
        "rescue fix --add-key FILE --user NAME",
        Safety.MANUAL,
    )
    if policy.upper().startswith("FIPS") or value.startswith(("-", "+", "^")) or kinds[0] == "ssh-dss":
        return (another,)
    text = f"PubkeyAcceptedAlgorithms {value},{name}\n"
    own = Repair(f"also accept {name} keys, in {OWN_FILE}", Safety.SAFE, partial(in_own_file, path=OWN_FILE, text=text))
    return own, another


def _keys(facts: Facts, account: Account) -> tuple[AuthorizedKey, ...]:
    """The keys in question: the client's if it is known and the account has it, else all of them."""
    wanted = facts.client.key.split()[1] if facts.client.key is not None else ""
    keys = [key for found in facts.key_files(account) for key in found.keys]
    return tuple(key for key in keys if not wanted or key.blob == wanted)


def _no_way(account: Account, key: AuthorizedKey, reason: NotTaken) -> Finding:
    """A finding for keys that no list of algorithms could allow."""
    return Finding(
        check="sshd-algo-mismatch",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd accepts no key of {account.name}: {reason.why}.",
        symptom=Symptom.DENIED,
        locations=(key.location, *([reason.location] if reason.location is not None else [])),
        repairs=(Repair(NEW_KEY, Safety.MANUAL),),
        subject=account.name,
    )


def _repairs(setting: Setting, kinds: tuple[str, ...], signs: str) -> tuple[Repair, ...]:
    assert setting.location is not None
    value, kind = setting.words[0], kinds[0]
    if kind == "ssh-dss":
        return (Repair(NEW_KEY, Safety.MANUAL),)
    name = signs if kind == RSA else kind
    if value.startswith("-"):
        kept = [each for each in value[1:].split(",") if match_list(name, each) != 1]
        new = f"-{','.join(kept)}" if kept else ""
    else:
        new = f"{value},{name}"
    if not new:
        change = partial(edit.comment_out, location=setting.location)
    else:
        change = partial(edit.set_value, location=setting.location, value=new)
    title = f"also accept {name} keys ({setting.location})"
    if name == RSA:
        return (Repair(NEW_KEY, Safety.MANUAL), Repair(title, Safety.UNSAFE, change, weakens=WEAK_NOTE))
    return (
        Repair(
            title,
            Safety.SAFE,
            change,
            weakens=f"{name} keys in authorized_keys will work",
            lets_in=True,
        ),
    )
