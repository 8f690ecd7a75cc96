"""The server has no key that opens your account.

Symptom: "me@SERVER: Permission denied (publickey)".

Cause: sshd reads only the files that AuthorizedKeysFile names, by default ~/.ssh/authorized_keys in the home that
/etc/passwd gives. It ignores a file with another name (authorized_key, authorised_keys, authorized_keys.txt) or in
another place, and lines that are not whole keys (broken in two, pasted with quotation marks, a private key). A key that
was added for another user does not help either.

Repair: with --key FILE, add your public key on its own line; create the directory and the file if needed, owned by the
user. Without --key, repair keys that were only pasted or saved badly (broken in two, with a byte order mark, in PuTTY's
export format), and copy keys from a misnamed file of the user's to where sshd looks. Existing lines stay as they are.

See: sshd(8) on the format of authorized_keys, sshd_config(5) on AuthorizedKeysFile, auth2-pubkeyfile.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import ACCOUNT_READS, Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import KeyFile, KeyLine
from rescue.keys.mending import mended
from rescue.logins.each_login import elsewhere
from rescue.logins.key_files import add_lines, dead_link, home_missing, make_whole, misplaced, overlooked, places
from rescue.logins.ways.password import by_password, password_opens, shut, useless
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read

STEP = Step.KEY
READS = (*ACCOUNT_READS, Read("/etc/ssh", depth=2), Read("/root", depth=0), Read("/root/.ssh", depth=1))

RUN_AGAIN = "run this again with --key FILE, where FILE is your public key (usually ~/.ssh/id_ed25519.pub)"


def find(facts: Facts) -> Iterator[Finding]:
    lacking = [account for account in facts.logins if _lacks_key(facts, account)]
    if facts.client.user is None and facts.client.key is None:
        # Somebody gets in with a password: nobody is locked out for lack of a key.
        if any(password_opens(facts, account) for account in facts.logins):
            return
        lacking = [account for account in lacking if account.uid or _root_may(facts, account)]
        if any(account.uid and by_password(facts, account) for account in facts.logins):
            # Somebody else's way in is known, and is what to repair: root never had one.
            lacking = [account for account in lacking if account.uid]
    elif facts.client.user is None:
        # The key may belong to any one of the accounts, so it must not be added to all of them.
        lacking = lacking[:1] if len(lacking) == len(facts.logins) else []
    elif facts.client.key is None:
        lacking = [account for account in lacking if not password_opens(facts, account)]
    if facts.client.key is None:
        facts.tree.require(*(read for account in lacking for read in places(facts, account)))
    for account in lacking:
        # An account with a password and no key uses that; password-login-off reports why it is refused.
        if not _by_command(facts, account) and not by_password(facts, account) and not _useless(facts, account):
            yield _finding(facts, account)


def _useless(facts: Facts, account: Account) -> bool:
    """Whether password-unusable reports the account: its password was to open it, and can't."""
    return facts.client.key is None and useless(facts, account) is not None and not any(shut(facts, account))


def _by_command(facts: Facts, account: Account) -> bool:
    """Whether a command supplies the account's keys, and nothing says that yours must be in a file: its output is not
    judged (key-unknown), and keys-command-unsafe reports that sshd does not run it."""
    command = facts.effective(account).words("AuthorizedKeysCommand")
    return facts.client.key is None and bool(command) and command[0].lower() != "none"


def _lacks_key(facts: Facts, account: Account) -> bool:
    if facts.effective(account).words("PubkeyAuthentication") == ("no",):
        return False
    files = facts.key_files(account)
    if home_missing(facts, account) or any(found.unread for found in files) or overlooked(facts, account) is not None:
        return False
    if facts.client.key is None:
        return not any(found.keys or any(line.authority for line in found.lines) for found in files)
    wanted = facts.client.key.split()[1:2]
    return not any([key.blob] == wanted for found in files for key in found.keys)


def _root_may(facts: Facts, account: Account) -> bool:
    return facts.effective(account).words("PermitRootLogin") != ("no",)


def _finding(facts: Facts, account: Account) -> Finding:
    files = facts.key_files(account)
    reason = elsewhere(facts, account) or _by_certificate(facts, account)
    dead = [line for found in files for line in _dead_lines(facts, found)]
    places = " and ".join(str(found.path) for found in files) or "no file (AuthorizedKeysFile is none)"
    what = "can't find your key" if facts.client.key is not None else "finds no key"
    message = f"sshd {what} for {account.name}: it reads {places}."
    if dead:
        message += f" It ignores line {dead[0][1].number} of {dead[0][0].path}: {dead[0][1].problem}."
    for link in dict.fromkeys(link for found in files if (link := dead_link(facts.tree, found.path)) is not None):
        entry = facts.tree.lentry(link)
        message += f" {link} is a dangling link ({entry.link if entry else ''})."
    return Finding(
        check="key-missing",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=message,
        symptom=Symptom.DENIED,
        locations=(
            *(Location(found.path, line.number, line.text[:200]) for found, line in dead),
            *(Location(found.path) for found in files if found.path not in {other.path for other, _ in dead}),
        ),
        repairs=tuple(_repairs(facts, account)),
        subject=account.name,
        reason=reason,
    )


def _by_certificate(facts: Facts, account: Account) -> str:
    """Why an unlisted key may open the account anyway: a cert-authority line accepts its certificates."""
    if facts.client.key is None:
        return ""
    blob = facts.client.key.split()[1]
    for found in facts.key_files(account):
        for line in found.lines:
            if line.authority and blob not in line.text:
                return (
                    f"line {line.number} of {found.path} accepts certificates; whether your key has one (a file "
                    "next to it that ends in -cert.pub) is not on this disk"
                )
    return ""


def _dead_lines(facts: Facts, found: KeyFile) -> Iterator[tuple[KeyFile, KeyLine]]:
    """The lines that sshd ignores and that may be meant as keys: with the client's key in them, if that is known."""
    wanted = facts.client.key.split()[1] if facts.client.key is not None else ""
    for line in found.lines:
        if line.problem and wanted in line.text:
            yield found, line


def _repairs(facts: Facts, account: Account) -> Iterator[Repair]:
    if facts.client.key is not None:
        line = f"{facts.client.key} {facts.client.comment}".strip()
        edit = partial(add_lines, client=facts.client, name=account.name, lines=(line,))
        yield Repair(f"add your key for {account.name}", Safety.SAFE, edit)
        return
    for found in facts.key_files(account):
        if mended(facts.tree.data(found.path) or b"") is not None:
            yield Repair(
                f"repair badly pasted or saved keys in {found.path}",
                Safety.SAFE,
                partial(make_whole, client=facts.client, name=account.name, path=found.path),
            )
    for path, lines in misplaced(facts, account):
        edit = partial(add_lines, client=facts.client, name=account.name, lines=lines)
        count = "the key" if len(lines) == 1 else f"the {len(lines)} keys"
        yield Repair(
            f"copy {count} from {path} to where sshd looks for keys of {account.name}",
            Safety.UNSAFE,
            edit,
            weakens="a key that was set aside on purpose will open the account again; review them first",
        )
    yield Repair(RUN_AGAIN, Safety.MANUAL)
