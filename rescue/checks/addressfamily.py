"""sshd listens on only one of IPv4 and IPv6, and you connect over the other.

Symptom: "ssh: connect to host SERVER port 22: Connection refused" over the version that is missing; with ssh -6 (or ssh
-4) it works, if your network has that version.

Cause: "AddressFamily inet6" or "inet" in sshd_config or a file that it includes, or the option -6 or -4 in the
service's command. Or all ListenAddress lines name addresses of one version: "ListenAddress ::" is IPv6 only. Or systemd
listens (ssh.socket) with BindIPv6Only=ipv6-only and no IPv4 address.

Repair: set the line to "any", sshd's default, or comment out the ListenAddress lines, so that sshd listens on every
address. Or connect over the version that works.

See: sshd_config(5) on AddressFamily and ListenAddress, sshd(8) and ssh(1) on -4 and -6, systemd.socket(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.logins import blocking, listen_addresses
from rescue.logins.ssh_units import serving
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.sshd.language.patterns import numeric_address
from rescue.sshd.listen import started_socket
from rescue.tree import Tree

STEP = Step.LISTEN
READS = (*listen_addresses.READS, *blocking.READS)

VERSIONS = {"inet": 4, "inet6": 6}


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal or not serving(facts.units):
        return
    served, places = _served(facts)
    if served is None or not places:
        return
    sources = facts.client.sources
    if any(source.version == served for source in sources) or (not sources and served == 4):
        # Most networks have IPv4, and a client that has both tries them in turn.
        return
    said = ", ".join(dict.fromkeys(f"{place}: {place.text.strip()}" for place in places))
    yield Finding(
        check="addressfamily",
        step=STEP,
        severity=Severity.BROKEN if sources else Severity.DOUBTFUL,
        message=f"sshd listens on IPv{served} only ({said}).",
        symptom=Symptom.REFUSED,
        locations=places,
        repairs=(
            *_repairs(facts, places),
            Repair(f"connect over IPv{served}", Safety.MANUAL, steps=f"ssh -{served} USER@SERVER"),
        ),
        reason="" if sources else "whether you connect over IPv4 or IPv6 is not known (--from)",
    )


def _served(facts: Facts) -> tuple[int | None, tuple[Location, ...]]:
    """The only IP version served on the client's port, and the lines that set it; None if both are served."""
    listeners = [each for each in facts.listeners if each.port == facts.arrives]
    lines = facts.sshd.globals("AddressFamily")
    if listeners and all(each.address is None for each in listeners):
        family = VERSIONS.get(lines[0].words[0]) if lines and started_socket(facts.units) is None else None
        return family, tuple(each.location for each in lines[:1] if each.location is not None)
    addresses = [numeric_address(each.address) if each.address else None for each in listeners]
    outside = [address for address in addresses if address is not None and not address.is_loopback]
    if None in addresses or not outside:
        # A host name may resolve to either; listenaddress-loopback reports loopback addresses.
        return None, ()
    versions = {address.version for address in outside}
    places = tuple(dict.fromkeys(each.location for each in listeners if each.location is not None))
    return (versions.pop(), places) if len(versions) == 1 else (None, ())


def _repairs(facts: Facts, places: tuple[Location, ...]) -> Iterator[Repair]:
    begins = {place.text.lower().lstrip("\"' ").split("=")[0].split()[0] for place in places}
    weakens = "the SSH port will be open on the other IP version too, to everyone the firewall lets in"
    if begins == {"addressfamily"}:
        change = partial(edit.set_value, location=places[0], value="any")
        yield Repair(
            f"listen on both: AddressFamily any ({places[0]})", Safety.SAFE, change, weakens=weakens, lets_in=True
        )
    elif begins == {"listenaddress"} and not any(each.words[1] for each in facts.sshd.globals("ListenAddress")):
        yield Repair(
            f"listen on both: comment out {' and '.join(map(str, places))}",
            Safety.SAFE,
            partial(_comment_out, places=places),
            weakens=weakens,
            lets_in=True,
        )
    elif begins == {"listenstream"}:
        yield Repair("make the socket listen on both", Safety.MANUAL, steps=f"edit {places[0]}")
    else:
        yield Repair("remove the option -4 or -6 from the service's command", Safety.MANUAL, steps=f"edit {places[0]}")


def _comment_out(tree: Tree, places: tuple[Location, ...]) -> Tree:
    for place in places:
        tree = edit.comment_out(tree, place)
    return tree
