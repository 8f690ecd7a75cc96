"""ufw has IPv6 disabled, and so drops all of it.

Symptom: over IPv6 "ssh: connect to host SERVER port 22: No route to host"; over IPv4 (ssh -4) the login works.

Cause: with IPV6=no in /etc/default/ufw none of the rules that you allowed exists for IPv6, and ufw drops all IPv6
traffic, including neighbour discovery.

Repair: set IPV6=yes in the line that wins, and add one rule for the port to /etc/ufw/user6.rules, as "ufw allow" writes
it: the IPv6 rules are in a separate file. What is allowed over IPv4 stays as it is.

See: ufw(8), ufw-framework(8); ufw_start in src/ufw-init-functions of ufw's source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.firewall import edit
from rescue.firewall.boot import UFW, reload
from rescue.firewall.diagnosis import Blockage
from rescue.firewall.ufw import load as ufw
from rescue.formats.append_line import ended
from rescue.logins import blocking
from rescue.model import Finding, Location, Repair, Safety, Symptom
from rescue.tree import Tree

STEP = blocking.STEP
READS = blocking.READS

SETTING = "IPV6"


def find(facts: Facts) -> Iterator[Finding]:
    for block in blocking.blocks_of(facts):
        if blocking.without_ipv6(facts, block):
            yield replace(_finding(facts, block), symptom=Symptom.UNREACHABLE)


def _finding(facts: Facts, block: Blockage) -> Finding:
    found = ufw.settings(facts.tree)
    place = found.location(SETTING, Location(ufw.DEFAULTS)) if found else Location(ufw.DEFAULTS)
    who = ", ".join(str(source) for source in block.sources) or "everybody"
    switch = partial(switch_on, block=block, place=place)
    return blocking.finding(
        "ufw-ipv6-off",
        block,
        f"ufw has IPv6 disabled ({place}) and drops all of it; you connect over IPv6.",
        (
            Repair(
                f"enable IPv6 in ufw ({place}), and allow {who} to reach TCP port {block.port}",
                Safety.SAFE,
                switch,
                weakens=f"{who} can connect to port {block.port} over IPv6",
                lets_in=True,
            ),
            Repair("connect over IPv4: ssh -4", Safety.MANUAL),
        ),
        locations=(place,),
    )


def switch_on(tree: Tree, block: Blockage, place: Location) -> Tree:
    """The tree where ufw has IPv6 rules, one of which lets the client in. Raises ValueError if that is impossible."""
    tree = _told(tree, place)
    firewall = reload(tree, block.firewall)
    if block.firewall.manager != UFW or firewall is None:
        raise ValueError("ufw is no longer enabled")
    return edit.allow(tree, firewall, block.port, block.sources)


def _told(tree: Tree, place: Location) -> Tree:
    path = PurePosixPath(place.path)
    text = tree.text(path)
    if text is None:
        raise ValueError(f"{path} can't be read")
    if not place.line:
        return tree.write(path, f"{ended(text)}{SETTING}=yes\n")
    lines = text.split("\n")
    before, name, _ = lines[place.line - 1].partition(f"{SETTING}=")
    if not name:
        raise ValueError(f"{place}: the line is gone")
    lines[place.line - 1] = f"{before}{SETTING}=yes"
    return tree.write(path, "\n".join(lines))
