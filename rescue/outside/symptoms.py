"""From what a person sees to the causes: a line that ssh printed, a part of one, or words that the manuals use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rescue.checks import Check


@dataclass(frozen=True, slots=True)
class Seen:
    """A kind of line that a client prints. pattern: how it is known, in any case. manual: the words of our
    manuals; "" where no cause is on the server. local: it is about the client."""

    title: str
    pattern: str
    manual: str
    hint: str = ""
    local: bool = False


SEEN = (
    Seen("Host key verification failed", r"host key verification|host identification has changed", "REMOTE HOST",
         "Your own known_hosts file has another key for this address: a rescue system has one of its own, and so has a "
         "server that was set up anew.", local=True),
    Seen("Could not resolve hostname",
         r"could not resolve|name or service not known|failure in name resolution", "",
         "Your own computer does not find the address of that name; nothing has reached the server.", local=True),
    Seen("A key on your own computer",
         r"load key|bad permissions|unprotected private key|agent refused|invalid format", "",
         "Your own computer can't use the key; the server has not been asked yet.", local=True),
    Seen("Your own computer's refusal", r"connect to host .*(permission denied|operation not permitted)", "",
         "A firewall or a policy of your own computer forbids the connection; nothing has reached the server.",
         local=True),
    Seen("sudo fails", r"\bsudo\b|sudoers|setuid", "sudo"),
    Seen("Connection refused", r"connection refused|\brefused\b", "Connection refused",
         "The machine answers, and nothing listens at that port, or a firewall says so."),
    Seen("Connection timed out", r"timed?[ -]?out|\btimeout\b", "timed out",
         "Nothing answers: the machine is not up, has no network, or a firewall drops what comes."),
    Seen("No route to host", r"no route|host (is )?unreachable|network is unreachable|destination unreachable",
         "No route", "A router or a firewall says that it can't be reached."),
    Seen("Connection closed",
         r"connection (was )?(closed|reset)|closed by|kex_exchange_identification|broken pipe|channel 0",
         "Connection closed|kex_exchange|reset|closes|channel 0", "The SSH server answers, and ends the connection."),
    Seen("Permission denied", r"permission denied|access denied|publickey|too many authentication|no supported auth",
         "Permission denied|Too many", "The SSH server is well; it does not take this user, key or password."),
    Seen("This account is currently not available",
         r"not available|not allowed|account (has )?expired|nologin|maintenance|booting up|going down",
         "not available|not allowed|expired"),
    Seen("Client and server have no algorithm in common",
         r"no matching|unable to negotiate|no mutual signature", "matching"),
    Seen("The login hangs", r"\bhangs?\b|stuck|no prompt|nothing happens|freez", "hang",
         "It gets in, and no prompt comes."),
)  # fmt: skip
"""In the order in which a line is held against them; the first that fits counts."""

_SYMPTOM = re.compile(r"^Symptom:(.*?)(?=\n\n|\n[A-Z]\w+:|\Z)", re.DOTALL | re.MULTILINE)


def seen(text: str) -> Seen | None:
    """The kind of line that `text` is, or holds: all that ssh printed may be pasted."""
    return next((each for each in SEEN if re.search(each.pattern, text, re.IGNORECASE)), None)


def causes_of(kind: Seen, checks: tuple[Check, ...]) -> list[Check]:
    """The causes whose manual says that one sees this, in the order of the steps."""
    if not kind.manual:
        return []
    return [each for each in checks if re.search(kind.manual, _symptom(each), re.IGNORECASE)]


def mentioning(words: str, checks: tuple[Check, ...]) -> list[Check]:
    """The causes whose manual has all of the words, those first that have them in their title."""
    wanted = [word for word in re.findall(r"[\w./-]+", words.lower()) if len(word) > 1]
    if not wanted:
        return []
    found = [each for each in checks if all(word in f"{each.id} {each.manual}".lower() for word in wanted)]
    return sorted(found, key=lambda each: not all(word in f"{each.id} {each.title}".lower() for word in wanted))


def _symptom(check: Check) -> str:
    found = _SYMPTOM.search("\n".join(line.strip() for line in check.manual.split("\n")))
    return " ".join(found.group(1).split()) if found else ""
