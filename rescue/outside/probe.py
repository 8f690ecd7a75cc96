"""One probe of one host: few packets, slowly, and never to anything that was not named.

The port that was asked for is tried up to three times, more than a second apart, as routers send at most one ICMP
error a second; other usual ports once each. Everything has an end: of time, of bytes, of lines.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from rescue.outside.client_side import client_side, interface_of, is_tunnel
from rescue.outside.dial import dial, own_address
from rescue.outside.greeting import read_greeting
from rescue.outside.handshake import handshake
from rescue.outside.lookup import lookup
from rescue.outside.observed import AddressSeen, Answer, ClientSide, Dial, Handshake, Observed, Reached, Said
from rescue.outside.ping import ping
from rescue.outside.verdict import hung_early

TRIES = 3
APART = 1.1
"""Seconds between two tries: routers answer with one ICMP error a second."""
WAIT = 4.5
"""Seconds for one connection: as long as three SYNs (RFC 6298), and more than the 3 s of an ARP time-out."""
GREETING = 4.0
EXCHANGE = 6.0
PING = 3.0
NAMES = 5.0
MOST_ADDRESSES = 4
USUAL_PORTS = (22, 2222, 2200, 22022, 222, 443, 22222, 80)
"""Where SSH is moved to, and the ports of the web, which tell whether the machine is there at all."""
MOST_PORTS = 12
BETWEEN_PORTS = 0.15

Progress = Callable[[str], None]


def look(
    host: str,
    *,
    user: str | None = None,
    port: int | None = None,
    family: int | None = None,
    reference: str | None = None,
    remembered_ports: tuple[int, ...] = (),
    progress: Progress = lambda _: None,
) -> Observed:
    """Probe `host`. family: 4 or 6, None for both. reference: another host, asked at the same port.

    remembered_ports: at which the host was open before. Never raises for what the network or the host does.
    """
    at = datetime.now(UTC)
    client = client_side(host, user, port, every_port=False)
    found = lookup(client.hostname or host, family, NAMES)
    with ThreadPoolExecutor(32) as pool:
        asked = pool.submit(_reference, reference, client.port, family) if reference is not None else None
        first = list(pool.map(lambda each: _first(each, client.port), found.addresses[:MOST_ADDRESSES]))
        seen = [each for each, _ in first]
        opened = next((number for number, (_, made) in enumerate(first) if made is not None), None)
        if seen and opened is None:
            client = replace(client, known_ports=client_side(host, user, port).known_ports)
            ports = _ports(client, remembered_ports)
            progress(
                f"port {client.port} is not open at first; trying twice more, and once each, at this host alone: "
                + ", ".join(map(str, ports))
            )
            going = [pool.submit(_rest, each, client.port, () if number else ports, pool)
                     for number, each in enumerate(seen)]  # fmt: skip
            seen = [each.result() for each in going]
            opened = next((number for number, each in enumerate(seen) if _is_open(each)), None)
        # ssh takes the first address that is open; of the others it is enough to know that they are.
        for number, (_, made) in enumerate(first):
            if number == opened:
                seen[number] = _opened(seen[number], made or dial(seen[number].address, client.port, WAIT)[1], client)
            elif made is not None:
                made.close()
        reached = asked.result() if asked is not None else None
    return Observed(host, at, client, found, tuple(seen), reference or "", reached)


def _is_open(seen: AddressSeen) -> bool:
    return any(each.answer is Answer.OPEN for each in seen.tries)


def _ports(client: ClientSide, remembered: tuple[int, ...]) -> tuple[int, ...]:
    """The other ports to try, those first that are known for this host."""
    every = dict.fromkeys((*remembered, *client.known_ports, *USUAL_PORTS))
    return tuple(each for each in every if each != client.port)[:MOST_PORTS]


def _first(address: str, port: int) -> tuple[AddressSeen, socket.socket | None]:
    """The first try, a short one: an open port of a server answers in the time of a journey there and back."""
    one, made = dial(address, port, APART)
    source = own_address(address)
    interface = interface_of(source)
    return AddressSeen(address, (one,), source=source, interface=interface if is_tunnel(interface) else ""), made


def _rest(seen: AddressSeen, port: int, ports: tuple[int, ...], pool: ThreadPoolExecutor) -> AddressSeen:
    """Further tries of an address that was not open at first, a ping, and other ports."""
    echo = pool.submit(ping, seen.address, PING)
    others = [pool.submit(_later, seen.address, each, number * BETWEEN_PORTS) for number, each in enumerate(ports)]
    waited = seen.tries[0].answer is Answer.SILENT
    tries = [pool.submit(_once, seen.address, port, (number - waited) * APART) for number in range(1, TRIES)]
    answered, seconds = echo.result()
    found = [each.result() for each in others]
    return replace(
        seen,
        tries=(*seen.tries, *(each.result() for each in tries)),
        ping=answered,
        ping_seconds=seconds,
        others=tuple(one for one, _ in found),
        moved=tuple((one.port, text) for one, text in found if text),
    )


def _once(address: str, port: int, after: float) -> Dial:
    time.sleep(after)
    one, made = dial(address, port, WAIT)
    if made is not None:
        made.close()
    return one


def _later(address: str, port: int, after: float) -> tuple[Dial, str]:
    """One try of another port, and the greeting of an SSH server there."""
    time.sleep(after)
    one, made = dial(address, port, WAIT - 1)
    if made is None:
        return one, ""
    with made:
        if port == 80:
            return one, ""
        greeting, _ = read_greeting(made, 1.5)
    return one, greeting.text if greeting.said is Said.SSH else ""


def _opened(seen: AddressSeen, made: socket.socket | None, client: ClientSide) -> AddressSeen:
    """What the server says at the open port, and how far ssh gets."""
    if made is None:
        return seen
    greeting, data = read_greeting(made, GREETING)
    if greeting.said is not Said.SSH:
        made.close()
        return _closer(replace(seen, greeting=greeting), client)
    hand = handshake(made, data, client.user, EXCHANGE, client.algorithms)
    if hung_early(hand):
        hand = replace(hand, small=_small_gets_further(seen.address, client, hand))
    return replace(seen, greeting=greeting, handshake=hand)


def _closer(seen: AddressSeen, client: ClientSide) -> AddressSeen:
    """Where no SSH server answers at the port: whether one does at a port that is known for this host."""
    ports = [each for each in (*client.known_ports, 22, 2222) if each != client.port][:3]
    found = [_later(seen.address, each, 0) for each in ports]
    return replace(
        seen,
        others=tuple(one for one, _ in found),
        moved=tuple((one.port, text) for one, text in found if text),
    )


def _small_gets_further(address: str, client: ClientSide, before: Handshake) -> bool:
    """Whether the handshake gets further where no packet is larger than 536 bytes."""
    _, made = dial(address, client.port, WAIT, small=True)
    if made is None:
        return False
    greeting, data = read_greeting(made, GREETING)
    if greeting.said is not Said.SSH:
        made.close()
        return False
    order = list(Reached)
    after = handshake(made, data, client.user, EXCHANGE, client.algorithms)
    return order.index(after.reached) > order.index(before.reached)


def _reference(host: str, port: int, family: int | None) -> bool | None:
    """Whether the reference host is open at the port; None where its name has no address."""
    addresses = lookup(host, family, NAMES).addresses
    if not addresses:
        return None
    one, made = dial(addresses[0], port, WAIT)
    if made is not None:
        made.close()
    return one.answer is Answer.OPEN
