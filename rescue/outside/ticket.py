"""A support request in the provider's language of facts: what was seen, from where, when, and what is asked of them.

Made from saved probes and an inspection alone: what was not looked at is not claimed. No key, no password, no line of a
file is in it; names of files and accounts are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from rescue.outside.memory import Saved
from rescue.outside.verdict import Situation
from rescue.text.safe import cut, safe

LONGEST = 2000
"""Characters of the plain text: what forms of support desks take."""
MOST_FINDINGS = 6
_HERE = {str(each) for each in Situation if each.here}
_ASKED = {
    "refused": "Is the server's machine up, and does its console show a login prompt?",
    "rejected": "Does a firewall of yours reject this port, or does the server itself?",
    "filtered-on-the-way": "The router named above is not the server: is it yours, and which rule rejects this port?",
    "host-unreachable": "Is the server's machine powered on, and does it answer ARP on your network?",
    "network-unreachable": "Is this address routed, or is it null-routed (DDoS protection, abuse)?",
    "dropped": "Is this port filtered upstream (security group, DDoS protection), for my address or for all?",
    "silent": "Is the server's machine powered on, and is the address routed and not filtered or null-routed?",
}
_ALWAYS = "If it can't be told from your side: please attach your rescue system, or say how I start it myself."


@dataclass(frozen=True, slots=True)
class DiskFact:
    """One finding of an inspection: its message, and the file that decided."""

    message: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What an inspection says. method: how it was looked at. at: with its time zone."""

    name: str
    method: str
    at: str
    system: str
    verdict: str
    findings: tuple[DiskFact, ...] = ()


def ticket(probe: Saved | None, disk: Inspected | None, *, markdown: bool = False) -> str:
    """The request. One of the two is needed. Plain text keeps within `LONGEST` characters."""
    sections = [*(_outside(probe) if probe is not None else ()), *(_disk(disk) if disk is not None else ())]
    sections.append(("What I ask of you", _asked(probe, disk)))
    subject = _subject(probe, disk)
    if markdown:
        return _markdown(subject, sections)
    text = _plain(subject, sections)
    while len(text) > LONGEST:
        # The longest list loses its last line; what is asked stays.
        longest = max(sections[:-1], key=lambda each: sum(map(len, each[1])))[1]
        if len(longest) > 1:
            longest.pop()
        else:
            longest[0] = cut(longest[0], max(20, len(longest[0]) // 2))
        text = _plain(subject, sections)
    return text


Section = tuple[str, list[str]]


def _subject(probe: Saved | None, disk: Inspected | None) -> str:
    if probe is not None:
        named = f" ({probe.address})" if probe.address and probe.address != probe.host else ""
        return safe(cut(f"SSH to {probe.host}{named}, port {probe.port}: {probe.situation}", 160))
    assert disk is not None
    return safe(cut(f"No SSH login to my server {disk.name}", 160))


def _outside(probe: Saved) -> list[Section]:
    facts = [f"{probe.at}: {cut(probe.what, 260)}"]
    facts += [cut(each, 200) for each in probe.facts]
    if probe.source:
        facts.append(f"My own address: {_own(probe.source)}")
    if probe.success is not None and probe.success.at != probe.at:
        facts.append(f"It last worked from here at {probe.success.at}, port {probe.success.port}")
    return [("What I see from outside", [safe(each) for each in facts])]


def _own(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
        private = parsed.is_private and not parsed.is_loopback
    except ValueError:
        private = False
    return f"{address}, behind a router (my public address is another one)" if private else address


def _disk(disk: Inspected) -> list[Section]:
    facts = [f"{disk.at}: {disk.name} ({disk.method}), {disk.system or 'an unknown Linux'}: {disk.verdict}"]
    for each in disk.findings[:MOST_FINDINGS]:
        facts.append(cut(each.message, 240) + (f" ({each.file})" if each.file else ""))
    if len(disk.findings) > MOST_FINDINGS:
        facts.append(f"and {len(disk.findings) - MOST_FINDINGS} more")
    return [("What the server's disk says", [safe(each) for each in facts])]


def _asked(probe: Saved | None, disk: Inspected | None) -> list[str]:
    made = []
    if probe is not None and probe.situation in _ASKED:
        made.append(_ASKED[probe.situation])
    elif probe is not None and probe.situation not in _HERE:
        made.append("Do you see anything wrong with the server's machine, its disk or its network?")
    if disk is not None and not disk.findings:
        made.append("Its disk shows no reason. Is something in front of it: a firewall, a changed address or gateway?")
    return [*made, _ALWAYS]


def _plain(subject: str, sections: Sequence[Section]) -> str:
    made = [f"Subject: {subject}", ""]
    for title, lines in sections:
        made += [f"{title}:", *(f"- {each}" for each in lines), ""]
    return "\n".join(made).rstrip("\n") + "\n"


def _markdown(subject: str, sections: Sequence[Section]) -> str:
    made = [f"# {_escaped(subject)}", ""]
    for title, lines in sections:
        made += [f"## {title}", "", *(f"* {_escaped(each)}" for each in lines), ""]
    return "\n".join(made).rstrip("\n") + "\n"


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in "\\`*_[]<>#|" else each for each in text)
