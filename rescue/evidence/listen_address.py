"""Whether the address that sshd listens on is the server's.

Decides: ListenAddress lines and ListenStream= addresses, and the addresses that the server gets.

Not judged: an address that no file gives, if a setting lets sshd listen on it all the same (ip_nonlocal_bind,
FreeBind=), as for one that moves between servers; an address beside a loopback one, if the network gives out addresses;
which of several addresses you connect to, if sshd listens on some of them alone.

Supply: --expect-address ADDRESS, the one that you connect to; ip address on the server's console shows what it has.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import listen_addresses
from rescue.logins.listen_addresses import Bind, told
from rescue.model import Gap, Step

STEP = Step.LISTEN
READS = listen_addresses.READS

SUPPLY = "--expect-address ADDRESS, if it is the one that you connect to"


def find(facts: Facts) -> Iterator[Gap]:
    asked = told(facts)
    if asked is None or any(source.is_loopback for source in facts.client.sources):
        return
    outside = [each for each in asked.binds if not each.address.is_loopback]
    if any(each.address in facts.client.expected for each in outside):
        return
    there = [each for each in outside if each.here is True]
    unknown = [each for each in outside if each.here is not True]
    if not there and unknown and (asked.free or len(outside) < len(asked.binds)):
        yield _gap(unknown[0], f"whether the server gets {unknown[0].address}, on which alone sshd listens for others")
    elif there and asked.socket is None and not _all_of(facts, there):
        named = ", ".join(str(each.address) for each in there[:3])
        yield _gap(there[0], f"whether you connect to {named}, on which alone sshd listens")


def _gap(bind: Bind, what: str) -> Gap:
    place = bind.listener.location
    where = f" ({place})" if place is not None else ""
    return Gap("listen-address", STEP, f"{what}{where}", SUPPLY, locations=(place,) if place is not None else ())


def _all_of(facts: Facts, there: list[Bind]) -> bool:
    """Whether sshd listens on every address of these IP versions that the server's files give it."""
    asked = told(facts)
    versions = {each.address.version for each in there}
    bound = {each.address for each in there}
    return asked is None or all(
        each in bound or each.is_loopback or each.is_link_local or each.version not in versions
        for each in asked.own.written
    )
