"""No password can open your account, although it was given one.

Symptom: "me@SERVER: Permission denied, please try again." for every password, and at last "Permission denied
(publickey,password)."

Cause: the account has no key, and the second field of its line in /etc/shadow can't match any password. The password
was written there as it is (useradd -p takes a hash, and so does cloud-init's passwd:), or a shell replaced the "$6" and
"$..." of a hash in double quotes by nothing, or an editor cut it. Or the hash was made on a newer system: yescrypt,
which Debian 11, Ubuntu 22.04 and Fedora 35 began to use, is unknown to older ones. Or the field is empty (passwd -d),
and sshd takes no empty password.

Repair: none that rescue can make by itself, as nobody knows the password that was meant. Set a new one, or add a key.

See: shadow(5), crypt(5); verify_pwd_hash in passverify.c of Linux-PAM; PermitEmptyPasswords in sshd_config(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.logins.ways.password import UselessPassword, password_opens, shut, useless, without_key
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read

STEP = Step.KEY
READS = (*SSHD_READS, Read("/root", depth=0), Read("/root/.ssh", depth=1))


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal or facts.client.key is not None:
        return
    if facts.client.user is None and any(password_opens(facts, account) for account in facts.logins):
        return
    for account in facts.logins:
        fault = useless(facts, account)
        if fault is None or any(shut(facts, account)):
            continue
        if facts.client.by_password or without_key(facts, account):
            yield _finding(account, fault)


def _finding(account: Account, fault: UselessPassword) -> Finding:
    name = account.name
    return Finding(
        check="password-unusable",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"No password opens the account {name}, and it has no key: {fault.why} ({fault.location}).",
        symptom=Symptom.DENIED,
        locations=(fault.location,),
        repairs=(
            Repair(f"set a new password: rescue fix --set-password {name}", Safety.MANUAL),
            Repair(f"add a key of yours: rescue fix --add-key FILE --user {name}", Safety.MANUAL),
        ),
        subject=name,
        users=(name,),
    )
