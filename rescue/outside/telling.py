"""What a probe saw, in sentences and as a document. Nothing here judges; nothing is made safe for a terminal yet."""

from __future__ import annotations

from datetime import UTC

from rescue.outside.observed import AddressSeen, Answer, Dial, Observed, Ping, Reached, Said
from rescue.outside.verdict import Verdict, in_words, one_dial
from rescue.version import __version__


def facts_seen(seen: Observed, verdict: Verdict) -> tuple[str, ...]:
    """A sentence for each thing that was tried, for a person and for the provider's support."""
    made = []
    if seen.lookup.addresses and seen.lookup.addresses != (seen.host,):
        made.append(f"{seen.client.hostname or seen.host} is {', '.join(seen.lookup.addresses)}")
    for each in seen.addresses:
        if each.address == verdict.address:
            made += _address(each, seen)
    if seen.reference_host:
        told = {True: "is reached", False: "is not reached", None: "could not be tried"}[seen.reference]
        made.append(f"port {seen.client.port} of {seen.reference_host} {told} from here")
    return tuple(made)


def _address(each: AddressSeen, seen: Observed) -> list[str]:
    made = [f"TCP port {seen.client.port}, {_times(len(each.tries))}: {in_words(each)}"]
    if each.ping is not Ping.UNKNOWN:
        after = f" after {each.ping_seconds * 1000:.0f} ms" if each.ping is Ping.ANSWERED else ""
        made.append(f"ping: {each.ping}{after}")
    elif each.others:
        made.append("ping: not tried, this system does not let a user send one")
    if each.others:
        made.append("other ports: " + _grouped(each.others))
    if each.greeting is not None:
        text = f': "{each.greeting.text[:100]}"' if each.greeting.text else ""
        made.append(f"the server says by itself: {each.greeting.said}{text}")
    hand = each.handshake
    if hand.host_key:
        made.append(f"host key: {hand.host_key}")
    if hand.methods:
        made.append(f"ways to log in that it offers: {', '.join(hand.methods)}")
    if hand.reached not in (Reached.NOT_TRIED, Reached.METHODS) and hand.text:
        made.append(f"the connection ended: {hand.text[:160]}")
    return made


def _grouped(others: tuple[Dial, ...]) -> str:
    """Ports with the same answer together: "22, 80 open; 2222 reset"."""
    groups: dict[str, list[str]] = {}
    for each in others:
        answer = one_dial(each) if each.answer is Answer.ICMP else str(each.answer)
        groups.setdefault(answer.partition(" after ")[0], []).append(str(each.port))
    return "; ".join(f"{', '.join(ports)} {answer}" for answer, ports in groups.items())


def _times(count: int) -> str:
    return {1: "tried once", 2: "tried twice"}.get(count, f"tried {count} times")


def check_line(seen: Observed, verdict: Verdict) -> tuple[int, str]:
    """The status and the line of a Nagios plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; with performance data."""
    if verdict.situation.here:
        status = 3
    elif verdict.situation.open:
        status = 1 if verdict.warning else 0
    else:
        status = 2
    word = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[status]
    main = next((each for each in seen.addresses if each.address == verdict.address), None)
    opened = [each.seconds for each in main.tries if each.answer is Answer.OPEN] if main is not None else []
    data = f" | connect={min(opened):.4f}s" if opened else ""
    # "|" begins the performance data, wherever it comes from.
    what = verdict.what.replace("|", "/")
    return status, f"SSH {word} - {seen.host} port {seen.client.port}: {verdict.situation}: {what}{data}"


def as_document(seen: Observed, verdict: Verdict, changed: tuple[str, ...]) -> dict[str, object]:
    """What ``probe --json`` prints."""
    return {
        "schema": 2,
        "version": __version__,
        "time": seen.at.astimezone(UTC).isoformat(timespec="seconds"),
        "host": seen.host,
        "hostname": seen.client.hostname or None,
        "port": seen.client.port,
        "user": seen.client.user or None,
        "jump": seen.client.jump or None,
        "open": verdict.situation.open,
        "situation": str(verdict.situation),
        "what": verdict.what,
        "address": verdict.address or None,
        "possible": [
            {"what": each.what, "commands": list(each.commands), "causes": list(each.causes)}
            for each in verdict.possible
        ],
        "causes": list(verdict.causes),
        "excluded": list(verdict.excluded),
        "notes": list(verdict.notes),
        "changed": list(changed),
        "lookup": {
            "addresses": list(seen.lookup.addresses),
            "problem": seen.lookup.problem or None,
            "temporary": seen.lookup.temporary,
        },
        "reference": {"host": seen.reference_host, "reached": seen.reference} if seen.reference_host else None,
        "addresses": [_seen(each) for each in seen.addresses],
    }


def _seen(each: AddressSeen) -> dict[str, object]:
    greeting, hand = each.greeting, each.handshake
    return {
        "address": each.address,
        "from": each.source or None,
        "tries": [_dial(one) for one in each.tries],
        "ping": {"answer": str(each.ping), "seconds": round(each.ping_seconds, 4)},
        "other_ports": [_dial(one) for one in each.others],
        "ssh_at": [{"port": port, "greeting": text} for port, text in each.moved],
        "greeting": {"said": str(greeting.said), "text": greeting.text} if greeting is not None else None,
        "handshake": {
            "reached": str(hand.reached),
            "ended": str(hand.ended),
            "host_key": hand.host_key or None,
            "methods": list(hand.methods),
            "text": hand.text,
            "small_packets_get_further": hand.small,
            "received": hand.received,
        }
        if greeting is not None and greeting.said is Said.SSH
        else None,
    }


def _dial(one: Dial) -> dict[str, object]:
    icmp = one.icmp
    return {
        "port": one.port,
        "answer": str(one.answer),
        "seconds": round(one.seconds, 4),
        "icmp": {"type": icmp.type, "code": icmp.code, "name": icmp.name, "sender": icmp.sender} if icmp else None,
        "error": one.error or None,
    }
