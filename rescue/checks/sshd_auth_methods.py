"""sshd does not accept keys, or requires a second factor that you can't give.

Symptom: "me@SERVER: Permission denied (publickey)."; if the second factor is missing "Permission denied (password)" or
"(keyboard-interactive)", although ssh -v shows that the key is accepted. If every list in AuthenticationMethods has a
disabled method: "Received disconnect from SERVER port 22:2: no authentication methods enabled".

Cause: PubkeyAuthentication is "no" in the line that wins, which may be in a file that sshd reads before the one you
edited. Or AuthenticationMethods requires more than a key, such as "publickey,password", while passwords are disabled or
the account has none.

Repair: set PubkeyAuthentication to "yes" where it is "no". Remove from AuthenticationMethods the factor that can't be
given, so that the key alone is enough; everything else in the line stays.

See: sshd_config(5) on PubkeyAuthentication and AuthenticationMethods; auth2.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account, Password
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.logins.ways.pam_auth import lacks_password
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import Effective, edit
from rescue.sshd.effective import Setting

STEP = Step.KEY
READS = (*SSHD_READS, *pam.READS)

KEY, ANOTHER_KEY = "publickey", "another key"

SWITCHES = {
    "PubkeyAuthentication": KEY,
    "PasswordAuthentication": "password",
    "KbdInteractiveAuthentication": "keyboard-interactive",
    "HostbasedAuthentication": "hostbased",
    "GSSAPIAuthentication": "gssapi-with-mic",
}
"""What enables each method."""


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    effective = facts.effective(account)
    keys = effective.setting("PubkeyAuthentication")
    if keys.words == ("no",) and keys.location is not None:
        if facts.client.key is None and _password_opens(facts, account, effective):
            return None
        return _keys_are_off(account, keys, at_once=_hopeless(effective))
    methods = effective.setting("AuthenticationMethods")
    if methods.location is None or methods.words == ("any",):
        return None
    possible, keys_there = _possible(facts, account, effective), _key_count(facts, account)
    lacking = [_lacking(word, possible, keys_there) for word in methods.words]
    return None if [] in lacking else _too_much(account, methods, lacking, at_once=_hopeless(effective))


def _hopeless(effective: Effective) -> bool:
    """Whether sshd closes the connection before asking for anything: each list names a disabled method.

    See auth2_setup_methods_lists in auth2.c. If that applies to everybody, sshd does not even start.
    """
    lists = effective.words("AuthenticationMethods")
    if lists in ((), ("any",)):
        return False
    off = {method for keyword, method in SWITCHES.items() if effective.words(keyword) in (("no",), ())}
    return all(off & {method.partition(":")[0] for method in each.split(",")} for each in lists)


def _keys_are_off(account: Account, setting: Setting, *, at_once: bool) -> Finding:
    assert setting.location is not None
    back = partial(edit.set_value, location=setting.location, value="yes")
    return Finding(
        check="sshd-auth-methods",
        step=Step.ACCEPT if at_once else STEP,
        severity=Severity.BROKEN,
        message=f"sshd accepts no keys for {account.name}: PubkeyAuthentication is no ({setting.location}).",
        symptom=Symptom.CLOSED if at_once else Symptom.DENIED,
        locations=(setting.location,),
        repairs=(
            Repair(
                f"set PubkeyAuthentication yes ({setting.location})",
                Safety.SAFE,
                back,
                weakens="keys in authorized_keys will work",
                lets_in=True,
            ),
        ),
        subject=account.name,
    )


def _possible(facts: Facts, account: Account, effective: Effective) -> frozenset[str]:
    """The methods with which the account can log in at all."""
    found = {KEY} if effective.words("PubkeyAuthentication") != ("no",) else set()
    usable = facts.accounts.password(account) in (Password.HASH, Password.NONE)
    if usable and effective.words("PasswordAuthentication") == ("yes",):
        found.add("password")
    if effective.words("KbdInteractiveAuthentication") == ("yes",) and not lacks_password(facts, account):
        found.add("keyboard-interactive")
    for keyword, method in (
        ("HostbasedAuthentication", "hostbased"),
        ("GSSAPIAuthentication", "gssapi-with-mic"),
    ):
        if effective.words(keyword) == ("yes",):
            found.add(method)
    return frozenset(found)


def _password_opens(facts: Facts, account: Account, effective: Effective) -> bool:
    return "password" in _possible(facts, account, effective) and (
        account.uid != 0 or effective.words("PermitRootLogin") == ("yes",)
    )


def _key_count(facts: Facts, account: Account) -> int:
    """How many keys the client can present, if known."""
    if facts.client.key is not None:
        return 1
    return len({key.blob for found in facts.key_files(account) for key in found.keys})


def _lacking(word: str, possible: frozenset[str], keys_there: int) -> list[str]:
    """The unavailable methods of a list "a,b"; a device after a colon does not matter.

    A list with two keys requires two different ones (auth2-pubkey.c, auth2_key_already_used).
    """
    methods = word.split(",")
    lacking = [method for method in methods if method.partition(":")[0] not in possible]
    return lacking + [ANOTHER_KEY] * (methods.count(KEY) > max(keys_there, 1))


def _too_much(account: Account, setting: Setting, lacking: list[list[str]], *, at_once: bool) -> Finding:
    assert setting.location is not None
    wanted = sorted({method for each in lacking for method in each})
    return Finding(
        check="sshd-auth-methods",
        step=Step.ACCEPT if at_once else STEP,
        severity=Severity.BROKEN,
        message=f"sshd requires from {account.name} a factor that is not available: {', '.join(wanted)} "
        f"(AuthenticationMethods, {setting.location}).",
        symptom=Symptom.CLOSED if at_once else Symptom.DENIED,
        locations=(setting.location,),
        repairs=tuple(_repairs(account, setting, lacking)),
        subject=account.name,
    )


def _repairs(account: Account, setting: Setting, lacking: list[list[str]]) -> Iterator[Repair]:
    assert setting.location is not None
    # Reduce the list that includes the key and lacks the least.
    listed = [(len(each), word, each) for word, each in zip(setting.words, lacking, strict=True) if KEY not in each]
    with_key = sorted((count, word, each) for count, word, each in listed if KEY in word.split(","))
    if with_key:
        _, word, without = with_key[0]
        left = ",".join(dict.fromkeys(method for method in word.split(",") if method not in without))
        change = partial(edit.replace_word, location=setting.location, old=word, new=left)
        yield Repair(
            f"require {left} instead of {word} ({setting.location})",
            Safety.UNSAFE,
            change,
            weakens=f"the key alone will be enough; {' and '.join(without)} was also required",
        )
    else:
        change = partial(edit.add_words, location=setting.location, words=(KEY,))
        yield Repair(
            f"let a key be enough ({setting.location})",
            Safety.UNSAFE,
            change,
            weakens="a key in authorized_keys alone will be enough",
        )
    yield Repair(
        f"give {account.name} what sshd requires", Safety.MANUAL, steps=f"rescue shell, then: passwd {account.name}"
    )
