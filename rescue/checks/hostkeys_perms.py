"""sshd refuses the server's host keys because others can read them.

Symptom: "ssh: connect to host SERVER port 22: Connection refused", if no key is left; else a client may warn that the
host key has changed.

Cause: sshd rejects a private key that root owns and anybody else can read or write ("UNPROTECTED PRIVATE KEY FILE!" in
its log), for instance after `chmod -R 755 /etc` or a restored backup. It skips each such key; if none is left, it
exits. Red Hat's sshd up to version 9 lets the group ssh_keys read them.

Repair: chmod 600 on exactly those keys. Their content, and so the server's identity, stays. If others could read a key
for a long time, consider replacing it later.

See: sshd(8), sshkey_perm_ok in authfile.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import ACCOUNT_READS
from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS
from rescue.keys.host_keys import HostKey
from rescue.logins.host_keys import host_keys
from rescue.logins.ssh_units import of_ending_server
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read, Tree

STEP = Step.SERVICE
READS = (Read("/etc/ssh", depth=2), *ACCOUNT_READS, *PACKAGE_READS)

PRIVATE = 0o600


def find(facts: Facts) -> Iterator[Finding]:
    if facts.tree.entry(facts.sshd.path) is None:
        return
    keys = host_keys(facts)
    exposed = [key for key in keys if key.exposed and not key.problem]
    if not exposed:
        return
    some_load = any(key.loads for key in keys)
    paths = tuple(str(key.path) for key in exposed)
    yield Finding(
        check="hostkeys-perms",
        step=STEP,
        severity=Severity.DOUBTFUL if some_load else Severity.BROKEN,
        message=_message(facts.tree, exposed, some_load),
        symptom=Symptom.OK if some_load else of_ending_server(facts.units),
        locations=tuple(Location(key.path) for key in exposed),
        repairs=(Repair(f"chmod 600 {' '.join(paths)}", Safety.SAFE, partial(protect, paths=paths)),),
        reason="sshd starts with its other keys; a client that knows only this one will not trust it"
        if some_load
        else "",
    )


def _message(tree: Tree, exposed: list[HostKey], some_load: bool) -> str:
    modes = [f"{key.path} (mode {entry.mode:04o})" for key in exposed if (entry := tree.entry(key.path)) is not None]
    end = "it works without them" if some_load else "it has no other, so it exits"
    return f"sshd refuses host keys that others can read: {', '.join(modes)}; {end}."


def protect(tree: Tree, paths: tuple[str, ...]) -> Tree:
    """The tree where only the owner may read the keys at `paths`."""
    for path in paths:
        tree = chmod(tree, path, PRIVATE)
    return tree
