"""sshd is set to listen on an address that the server does not have.

Symptom: "ssh: connect to host SERVER port 22: Connection refused"; the server's log says "Cannot bind any address".

Cause: a ListenAddress line in sshd_config (or a ListenStream= of ssh.socket) names an address of this machine that is
gone: the server was moved, cloned or restored from a snapshot, got another address from its provider, or the line has a
typo. If none of the named addresses exists, sshd exits. rescue reads the server's addresses from the files of ifupdown,
systemd-networkd, netplan, NetworkManager and the like; if they come from DHCP, the disk does not show them, and the
finding is doubtful. In a rescue system the machine's present addresses belong to the rescue system.

Repair: if the files give the server exactly one address, put that one in place of the wrong one. Else comment out the
ListenAddress lines, so that sshd listens on every address, and the firewall decides who gets in. The ports stay.

See: sshd_config(5) on ListenAddress, ip(7) on ip_nonlocal_bind, systemd.socket(5) on ListenStream= and FreeBind=.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.logins import listen_addresses
from rescue.logins.listen_addresses import Bind, Told, on_all, told
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit

STEP = Step.LISTEN
READS = listen_addresses.READS

CHECK = "listenaddress-stale"


def find(facts: Facts) -> Iterator[Finding]:
    asked = told(facts)
    if asked is None or any(each.here is True for each in asked.binds):
        return
    if asked.free:
        return  # rescue.evidence.listen_address says what is not known
    unsure = [each for each in asked.binds if each.here is None]
    named = ", ".join(dict.fromkeys(str(each.address) for each in asked.binds))
    places = tuple(dict.fromkeys(each.listener.location for each in asked.binds if each.listener.location is not None))
    if unsure:
        message = f"sshd listens on {named} only ({places[0]}), and exits if the server does not get it."
    else:
        message = (
            f"sshd is set to listen on {named} only ({places[0]}), which the server does not have "
            f"({_have(asked)}): it does not start."
        )
    yield Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.DOUBTFUL if unsure else Severity.BROKEN,
        message=message,
        symptom=Symptom.REFUSED,
        locations=(*places, *_given(asked)),
        repairs=(*_own_address(asked), *on_all(asked), *_by_hand(asked)),
        subject=named,
        reason=_reason(asked, unsure[0]) if unsure else "",
    )


def _have(asked: Told) -> str:
    have = [str(address) for address in asked.own.written if not address.is_loopback]
    return f"its files give it {', '.join(have[:4])}" if have else "its files give it no such address"


def _given(asked: Told) -> tuple[Location, ...]:
    return tuple(place for address, place in asked.own.written.items() if not address.is_loopback)[:3]


def _reason(asked: Told, bind: Bind) -> str:
    by = asked.own.asked(bind.address.version)
    if by is not None:
        return f"addresses come from the network ({by}); whether the server gets {bind.address} is not on the disk"
    return "the files with the server's addresses were not found, or are of an unknown kind"


def _own_address(asked: Told) -> Iterator[Repair]:
    """Replace a single wrong address with the server's only one."""
    if len(asked.binds) != 1 or asked.binds[0].here is None or asked.socket is not None:
        return
    wrong = asked.binds[0]
    have = [each for each in asked.own.written if each.version == wrong.address.version and not each.is_loopback]
    place = wrong.listener.location
    if len(have) == 1 and place is not None and str(wrong.address) in place.text:
        change = partial(edit.replace_word, location=place, old=str(wrong.address), new=str(have[0]))
        yield Repair(f"listen on {have[0]} instead of {wrong.address} ({place})", Safety.SAFE, change)


def _by_hand(asked: Told) -> Iterator[Repair]:
    if asked.socket is not None:
        name = asked.socket.name
        yield Repair(
            f"let {name} bind to a missing address with a drop-in (FreeBind=yes), or correct the address",
            Safety.MANUAL,
            steps=f"systemctl edit {name}   (section [Socket])",
        )
