"""sshd has no usable host key, so it exits at once.

Symptom: "ssh: connect to host SERVER port 22: Connection refused".

Cause: sshd needs at least one private host key (/etc/ssh/ssh_host_*_key). It does not start if all are missing, empty,
truncated, protected by a passphrase or saved with Windows line endings. Debian and Ubuntu create them only when the
package is installed; cloud-init deletes them on each new instance and creates new ones, which fails on a full disk: a
cloned server may end up without any. Red Hat, SUSE, Arch and Alpine create missing keys whenever the service starts,
but never replace a damaged one.

Repair: if only a key's line endings or its final newline are wrong, correct these; the server keeps its identity. Else
create one new Ed25519 key where the configuration expects it. Everybody who knows the server then sees "REMOTE HOST
IDENTIFICATION HAS CHANGED" once and must remove the old key: ssh-keygen -R SERVER.

See: sshd(8) on /etc/ssh/ssh_host_ed25519_key, sshd_config(5) on HostKey, ssh-keygen(1), sshkey.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.formats.hostname import HOSTNAME_READ, read_hostname
from rescue.formats.packages import PACKAGE_READS
from rescue.keys.ed25519 import new_key_pair
from rescue.keys.host_keys import DEFAULT_HOST_KEYS, HostKey, KeyFormatError, private_key_type
from rescue.logins.host_keys import host_keys, made_at_start
from rescue.logins.ssh_units import of_ending_server
from rescue.model import Finding, Location, Repair, Safety, Severity, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Read, Tree

STEP = Step.SERVICE
READS = (Read("/etc/ssh", depth=2), HOSTNAME_READ, *UNIT_READS, *PACKAGE_READS)

PRIVATE, PUBLIC = 0o600, 0o644

CHANGED = (
    "Clients that know the server will warn REMOTE HOST IDENTIFICATION HAS CHANGED. That is expected this once: "
    "remove the old key on the client with `ssh-keygen -R SERVER`."
)


LOOK = Repair("look at the key files by hand: permission denied, or a failing disk?", Safety.MANUAL)


def find(facts: Facts) -> Iterator[Finding]:
    if facts.tree.entry(facts.sshd.path) is None:
        return
    keys = host_keys(facts)
    if not keys or any(not key.problem for key in keys):
        return
    if any(key.missing and str(key.path) in DEFAULT_HOST_KEYS for key in keys) and made_at_start(facts):
        return
    unread = any(key.unread for key in keys)
    listed = "; ".join(f"{key.path} {key.problem}" for key in keys)
    yield Finding(
        check="hostkeys-missing",
        step=STEP,
        severity=Severity.DOUBTFUL if unread else Severity.BROKEN,
        message=f"sshd has no usable host key, and does not start without one: {listed}.",
        symptom=of_ending_server(facts.units),
        locations=tuple(Location(key.path) for key in keys),
        repairs=(LOOK,) if unread else tuple(_repairs(facts.tree, keys)),
        reason="a key file could not be read, and may be fine" if unread else "",
    )


def _repairs(tree: Tree, keys: tuple[HostKey, ...]) -> Iterator[Repair]:
    for key in keys:
        healed = _healed(tree.data(key.path) or b"")
        if healed is not None:
            yield Repair(f"correct the line endings of {key.path}", Safety.SAFE, partial(heal, path=str(key.path)))
            return
    place = _place(keys)
    if place is None:
        yield Repair(
            "remove a host key's passphrase (ssh-keygen -p -f FILE), or delete the file and run this again",
            Safety.MANUAL,
        )
        return
    yield Repair(
        f"create a new Ed25519 host key in {place.path}",
        Safety.SAFE,
        partial(make_key, path=str(place.path)),
        steps=CHANGED,
    )


def _place(keys: tuple[HostKey, ...]) -> HostKey | None:
    """Where a new key goes: where one is missing or damaged, preferably where the name fits.

    The undo log keeps what is left of a damaged key.
    """
    free = [key for key in keys if "passphrase" not in key.problem and not key.unread]
    return min(free, key=lambda key: ("ed25519" not in key.path.name, not key.missing), default=None)


def _healed(data: bytes) -> bytes | None:
    """The key with correct line endings; None if it still does not load."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip(b" \t\n")
    if not text:
        return None
    try:
        private_key_type(text + b"\n")
    except KeyFormatError:
        return None
    return text + b"\n"


def heal(tree: Tree, path: str) -> Tree:
    """The tree with the key's line endings corrected; ValueError if that does not fix it."""
    healed = _healed(tree.data(path) or b"")
    if healed is None:
        raise ValueError(f"{path} is damaged in another way")
    return tree.write(path, healed)


def make_key(tree: Tree, path: str) -> Tree:
    """The tree with a new key pair at `path` and `path`.pub, owned by root. Different on each call."""
    host = read_hostname(tree) or "server"
    comment = f"root@{''.join(char for char in host if char.isascii() and char.isprintable())}"
    pair = new_key_pair()
    tree = tree.write(path, pair.private_file(comment), mode=PRIVATE, uid=0, gid=0)
    return tree.write(f"{path}.pub", pair.public_line(comment), mode=PUBLIC, uid=0, gid=0)
