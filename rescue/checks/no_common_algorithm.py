"""sshd offers no algorithm that your client has, so the two can't begin to talk.

Symptom: "Unable to negotiate with SERVER port 22: no matching key exchange method found. Their offer: ..." (or
"cipher", "MAC", "host key type"), before a user name or a key is asked for; PuTTY says "Couldn't agree a
key exchange algorithm". If sshd has no host key for what HostKeyAlgorithms allows, it hangs up at once: "Connection
reset by peer" or "Connection closed".

Cause: KexAlgorithms, Ciphers, MACs or HostKeyAlgorithms in sshd_config, or in the system-wide crypto policy, list only
what your client lacks: algorithms that OpenSSH dropped from its client years ago (an old server's settings), or only
ones so new that your client has never heard of them. Or the list of host key types has none of which there is a host
key. A MAC is needed only with a cipher that has none of its own (aes128-ctr, not aes128-gcm@openssh.com). Without
--client, the clients in question are those of OpenSSH 9.0 to 10.5 as nobody has configured them; what your own
~/.ssh/config adds or removes is not on this disk.

Repair: add one algorithm that both have to the list that decides; a strong one if there is any. If both have only weak
ones, a newer client is the better repair. A crypto policy's own files are left alone: rescue adds a file that sshd
reads first.

See: sshd_config(5) on KexAlgorithms, Ciphers, MACs and HostKeyAlgorithms; RFC 4253, section 7.1; kex_choose_conf in
kex.c and myproposal.h of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.logins.handshake import crypto_policy, offer
from rescue.logins.handshake.crypto_policy import in_own_file, policy_of
from rescue.logins.handshake.offer import POSSIBLE, Meeting, judged, offered_keys, setting
from rescue.logins.host_keys import host_keys
from rescue.logins.ssh_units import serving
from rescue.model import Edit, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.sshd.effective import Setting
from rescue.sshd.handshake import openssh
from rescue.sshd.handshake.clients import OPENSSH
from rescue.sshd.handshake.lists import Names, Part, assembled
from rescue.sshd.language.patterns import match_list
from rescue.tree import Tree

STEP = Step.ACCEPT
READS = (*offer.READS, *crypto_policy.READS)

OWN_FILE = PurePosixPath("/etc/ssh/sshd_config.d/00-algorithms.conf")
SHOWN = 4
"""Names of a list that a sentence shows."""

WEAK = compile_pattern(r"-sha1$|group1-|md5|-96|-cbc|arcfour|^ssh-rsa|^ssh-dss|rsa1024")
"""What OpenSSH no longer offers by default, because it is weak; its MACs of SHA-1 it does."""


USUAL = frozenset({"curve25519-sha256", "hmac-sha2-256-etm@openssh.com", "chacha20-poly1305@openssh.com"})
"""What is added rather than anything else: strong, and in nearly every client."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal or not serving(facts.units):
        return
    for part in Part:
        found = judged(facts, part)
        if part is Part.HOST_KEY and not any(key.loads for key in host_keys(facts)):
            continue  # sshd has no host key at all, which other checks report
        if not found.unsure and found.failing:
            yield _finding(facts, part, found.failing, tuple(each.title for each in found.fitting))


def _finding(facts: Facts, part: Part, failing: tuple[Meeting, ...], fitting: tuple[str, ...]) -> Finding:
    line = setting(facts, part)
    theirs = failing[-1].lists.of(part)
    named = fitting or facts.client.program
    who = " or ".join(each.program.title for each in failing) if named else "today's OpenSSH"
    places = _places(facts, part, line)
    where = f" ({places[0]})" if places else ""
    if theirs:
        more = f" and {len(theirs) - SHOWN} more" if len(theirs) > SHOWN else ""
        offers = f"sshd offers only {', '.join(theirs[:SHOWN])}{more}{where}"
    elif part is Part.HOST_KEY:
        offers = f"sshd has no host key of a type that it may use{where}"
    else:
        offers = f"sshd offers none at all{where}"
    told = failing[0].program.name == OPENSSH and theirs
    return Finding(
        check="no-common-algorithm",
        step=STEP,
        severity=Severity.DOUBTFUL if fitting else Severity.BROKEN,
        message=f"sshd and {who} have no {part.word} in common: {offers}.",
        symptom=Symptom.CLOSED,
        locations=places,
        repairs=tuple(_repairs(facts, part, failing, line)),
        subject=part.keyword,
        reason=f"{' or '.join(fitting)} has one, and your ssh's version is not on this disk" if fitting else "",
        words=f"Unable to negotiate with SERVER port {facts.dialled}: no matching {part.word} found. "
        f"Their offer: {','.join(theirs)}"
        if told
        else "",
    )


def _places(facts: Facts, part: Part, line: Setting | None) -> tuple[Location, ...]:
    if line is not None and line.location is not None:
        return (line.location,)
    return tuple(Location(key.path) for key in offered_keys(facts).too_short) if part is Part.HOST_KEY else ()


def _repairs(facts: Facts, part: Part, failing: tuple[Meeting, ...], line: Setting | None) -> Iterator[Repair]:
    name = _missing_name(facts, part, failing)
    if name is None:
        yield from _without_a_name(facts, part)
        return
    weak = bool(WEAK.search(name))
    if weak:
        yield Repair("connect with a newer client: the two have only weak algorithms in common", Safety.MANUAL)
    title, change = _edit(facts, part, name, line)
    if change is None:
        yield Repair(title, Safety.MANUAL)
    elif weak:
        yield Repair(title, Safety.UNSAFE, change, weakens=f"sshd will take {name} from every client, and it is weak")
    else:
        yield Repair(title, Safety.SAFE, change)


def _missing_name(facts: Facts, part: Part, failing: tuple[Meeting, ...]) -> str | None:
    """What to add: a name that sshd knows and each of these clients has, a strong one if there is any."""
    versions = (facts.openssh.version,) if facts.openssh is not None else POSSIBLE
    lists = [openssh.known(part, version) for version in versions]
    lists += [each.program.lists.of(part) for each in failing]
    if part is Part.HOST_KEY:
        lists.append(offered_keys(facts).names)
    names = [name for name in failing[-1].program.lists.of(part) if all(name in each for each in lists)]
    return min(names, key=lambda name: (name not in USUAL, bool(WEAK.search(name))), default=None)


def _without_a_name(facts: Facts, part: Part) -> Iterator[Repair]:
    short = offered_keys(facts).too_short if part is Part.HOST_KEY else ()
    if short:
        yield Repair(
            f"create a longer host key in place of {short[0].path}, which RequiredRSASize keeps out", Safety.MANUAL
        )
    elif part is Part.HOST_KEY:
        yield Repair(
            "create a host key of another type (ssh-keygen -A in rescue shell), and allow its type in "
            "HostKeyAlgorithms",
            Safety.MANUAL,
        )
    else:
        yield Repair("connect with another client: the two have nothing in common that could be enabled", Safety.MANUAL)


def _edit(facts: Facts, part: Part, name: str, line: Setting | None) -> tuple[str, Edit | None]:
    """The smallest edit after which sshd offers the name, and its title; None if a person has to make it."""
    keyword = part.keyword
    if line is None:
        text = f"{keyword} +{name}"
        return f"also offer {name}: {text}", partial(_insert, path=facts.sshd.path, text=text)
    place, value = line.location, _with(line.words[0], name)
    if place is None:
        return f"also offer {name} ({keyword})", None
    policy = policy_of(facts.tree, place)
    if not place.text.lower().lstrip("\"' ").startswith(keyword.lower()):
        if policy is not None:
            return f"choose another crypto policy than {policy}: update-crypto-policies --set DEFAULT", None
        return f"add {name} to {keyword} in {place}", None
    if not _offers(facts, part, value, name):
        return f"add {name} to {keyword} in {place}", None
    if policy is not None and policy.upper().startswith("FIPS"):
        return f"connect with a client that has what the crypto policy {policy} allows", None
    if policy is not None:
        text = f"{keyword} {value}\n"
        return f"also offer {name}, in {OWN_FILE}", partial(in_own_file, path=OWN_FILE, text=text)
    if not value:
        return f"also offer {name}: comment out {place}", partial(edit.comment_out, location=place)
    return f"also offer {name} ({place})", partial(edit.set_value, location=place, value=value)


def _insert(tree: Tree, path: PurePosixPath, text: str) -> Tree:
    return edit.insert_global(tree, path, text)


def _with(value: str, name: str) -> str:
    """The line's value with one more name; "" if it takes away nothing else."""
    if not value.startswith("-"):
        return f"{value},{name}"
    kept = [each for each in value[1:].split(",") if match_list(name, each) != 1]
    return f"-{','.join(kept)}" if kept else ""


def _offers(facts: Facts, part: Part, value: str, name: str) -> bool:
    versions = (facts.openssh.version,) if facts.openssh is not None else POSSIBLE

    def made(version: tuple[int, int]) -> Names:
        default = openssh.default(part, version)
        return assembled(value, default, openssh.known(part, version)) if value else default

    return all(name in made(version) for version in versions)
