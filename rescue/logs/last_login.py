"""The last successful login over SSH: who, from where, with which key, when. Pure.

sshd's own message says all of it; wtmp, wtmpdb, lastlog and lastlog2 know no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import PurePosixPath
from struct import Struct

from rescue.formats.sqlite import rows
from rescue.formats.sqlite_image import NotSqlite, image_of
from rescue.logs.events import Event, moment
from rescue.logs.sayings import Kind
from rescue.logs.wtmp import DATABASE, WTMP, WTMP_READS, logins
from rescue.model import Address
from rescue.tree import Read, Tree

LASTLOG, LASTLOG2 = "/var/log/lastlog", "/var/lib/lastlog/lastlog2.db"
LARGEST = 1 << 24
LAST_LOGIN_READS = (
    *WTMP_READS, Read(LASTLOG, depth=0, limit=LARGEST), Read(LASTLOG2, depth=0, limit=LARGEST),
)  # fmt: skip
_LASTLOG = Struct("<I32s256s")
SAME = timedelta(minutes=2)
"""wtmp and sshd's message of one login are within it."""
MOST_ADDRESSES = 200


@dataclass(frozen=True, slots=True)
class LastLogin:
    """A login. address: None where only a host's name was noted. at: UTC. source: the log.

    method: sshd's word ("publickey", "password"); "" where only wtmp and its like know of it. key_type, fingerprint:
    of the key ("ED25519", "SHA256:..."), "" for none. port: of the server, if sshd said in that boot that it listens
    on one alone; else None.
    """

    user: str
    address: Address | None
    at: datetime
    source: PurePosixPath
    method: str = ""
    key_type: str = ""
    fingerprint: str = ""
    port: int | None = None

    @property
    def certificate(self) -> bool:
        """Whether a certificate was used: it is in no authorized_keys file."""
        return self.key_type.endswith("-CERT")


def last_login(
    tree: Tree, events: Iterable[Event], uids: dict[int, str], until: datetime | None = None
) -> LastLogin | None:
    """The newest login that anything tells of, by default; the newest not after `until` where that is given.

    uids: the accounts' names, for lastlog. Raises `NotCaptured`.
    """
    return next(iter(all_logins(tree, events, uids, until)), None)


def all_logins(
    tree: Tree, events: Iterable[Event], uids: dict[int, str], until: datetime | None = None
) -> list[LastLogin]:
    """Every login that anything tells of, the newest first; those of the future are of a clock that was wrong."""
    said = list(_by_sshd(events))
    noted = [each for each in (*_by_wtmp(tree), *_by_lastlog(tree, uids)) if not _known(each, said)]
    found = [each for each in (*said, *noted) if until is None or each.at <= until]
    # At the same time, what says more.
    return sorted(found, key=lambda each: (each.at, bool(each.fingerprint), bool(each.method)), reverse=True)


def _known(noted: LastLogin, said: list[LastLogin]) -> bool:
    return any(
        each.user == noted.user and abs(each.at - noted.at) <= SAME and noted.address in (each.address, None)
        for each in said
    )


def _by_sshd(events: Iterable[Event]) -> Iterator[LastLogin]:
    ports: dict[str, set[int]] = {}
    ordered = list(events)
    for each in ordered:
        if each.kind is Kind.LISTENING:
            ports.setdefault(each.boot, set()).add(int(each.detail("port")))
    for each in ordered:
        if each.kind is not Kind.LOGIN or each.at is None:
            continue
        here = ports.get(each.boot, set())
        yield LastLogin(
            each.detail("user"), address_of(each.detail("address")), each.at, each.source,
            each.detail("method"), each.detail("key_type"), each.detail("fingerprint"),
            next(iter(here)) if len(here) == 1 else None,
        )  # fmt: skip


def address_of(text: str) -> Address | None:
    """An address as sshd writes it; None where it is a name, or none."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


def _by_wtmp(tree: Tree) -> Iterator[LastLogin]:
    source = next((path for path in (*WTMP, DATABASE) if tree.entry(path) is not None), WTMP[0])
    for each in logins(tree):
        if (at := moment(int(each.at.timestamp()) * 1_000_000)) is not None:
            yield LastLogin(each.user, each.address, at, PurePosixPath(source))


def _by_lastlog(tree: Tree, uids: dict[int, str]) -> Iterator[LastLogin]:
    tree.require(*LAST_LOGIN_READS)
    data = tree.data_if_read(LASTLOG) or b""
    for uid, name in uids.items():
        if uid < 0 or (uid + 1) * _LASTLOG.size > len(data):
            continue
        seconds, _, host = _LASTLOG.unpack_from(data, uid * _LASTLOG.size)
        address = address_of(host.partition(b"\0")[0].decode("utf-8", "replace"))
        if (at := moment(seconds * 1_000_000)) is not None and address is not None:
            yield LastLogin(name, address, at, PurePosixPath(LASTLOG))
    try:
        found = rows(
            image_of(tree.data_if_read(LASTLOG2) or b""), "Lastlog2", ("Name", "Time", "RemoteHost", "PAM_Service")
        )
    except NotSqlite:
        return
    for name_, time, host_, _ in found[-MOST_ADDRESSES:]:
        if isinstance(name_, str) and isinstance(time, int) and isinstance(host_, str):
            at, address = moment(time * 1_000_000), address_of(host_)
            if at is not None and address is not None:
                yield LastLogin(name_, address, at, PurePosixPath(LASTLOG2))
