"""What the firewall checks share: which firewall blocks the client, the symptom, and the repairs. No check itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.boot.commands import READS as BOOT_READS
from rescue.facts import Facts
from rescue.firewall import READS as FIREWALL_READS
from rescue.firewall import edit
from rescue.firewall.boot import FIREWALLD, NFTABLES, UFW
from rescue.firewall.diagnosis import Blockage, Mistake, blocks, kept_out
from rescue.firewall.engine import symptom as outside
from rescue.firewall.engine.ruleset import Firewall, LoadProblem
from rescue.firewall.ufw import load as ufw
from rescue.formats.packages import NFT_READS, PACKAGE_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import GIVEN_READS
from rescue.tree import Read

STEP = Step.FIREWALL
READS = (*BOOT_READS, *FIREWALL_READS, *PACKAGE_READS, *NFT_READS, *GIVEN_READS, Read("/etc/ssh", depth=2))

LONGEST = 160
"""How many characters of a rule a message shows."""


def _all_blocks(facts: Facts) -> tuple[Blockage, ...]:
    # Four checks ask this same question, the most expensive one of all.
    firewalls, port, sources = facts.firewalls, facts.dialled, facts.client.sources
    return facts.tree.kept(
        (_all_blocks, *map(id, firewalls), port, sources), lambda: tuple(blocks(facts.tree, firewalls, port, sources))
    )


def blocks_of(facts: Facts, *mistakes: Mistake) -> Iterator[Blockage]:
    """What blocks the client's port, limited to these kinds of mistake if any are given."""
    return (block for block in _all_blocks(facts) if not mistakes or block.mistake in mistakes)


def faults(block: Blockage) -> tuple[LoadProblem, ...]:
    """What fails to load in ufw's files: ufw then drops what their rules would have allowed."""
    return block.firewall.ruleset(block.version).problems if block.firewall.manager == UFW else ()


def without_ipv6(facts: Facts, block: Blockage) -> bool:
    """Whether ufw drops all of IPv6, so that no rule in its files could let anybody in."""
    if block.firewall.manager != UFW or block.version != 6:
        return False
    settings = ufw.settings(facts.tree)
    return settings is not None and not ufw.ipv6(settings)


def finding(
    check: str,
    block: Blockage,
    message: str,
    repairs: tuple[Repair, ...],
    *,
    severity: Severity | None = None,
    reason: str = "",
    locations: tuple[Location, ...] = (),
) -> Finding:
    """The finding for a block. It is doubtful if the verdict is, unless `severity` says otherwise."""
    doubt = reason or (f"it depends on {block.verdict.reason}" if not block.certain else "")
    return Finding(
        check=check,
        step=STEP,
        severity=severity or (Severity.BROKEN if block.certain else Severity.DOUBTFUL),
        message=message,
        symptom=symptom(block),
        locations=tuple(dict.fromkeys((*locations, *_where(block)))),
        repairs=repairs,
        subject=f"{block.firewall.manager} port {block.port}" + (" over IPv6" if block.version == 6 else ""),
        reason=doubt,
    )


def _where(block: Blockage) -> Iterator[Location]:
    """The deciding line first, then what makes the firewall active."""
    decision = block.decision
    if decision is not None:
        yield decision.location
    if decision is None or block.firewall.location.path != decision.location.path:
        yield block.firewall.location
    if block.firewall.loaded_by is not None:
        yield block.firewall.loaded_by


def symptom(block: Blockage) -> Symptom:
    """What the client sees of a block."""
    verdict = block.verdict
    decision = block.decision
    stage = decision.stage if decision is not None else verdict.stage
    how = verdict.how or (decision.how if decision is not None else "")
    return outside.symptom(kept_out(verdict), how, stage)


def shown(location: Location) -> str:
    """A location and its text, for a message; a long line is cut."""
    text = location.text.strip()
    return f"{location}: {text[:LONGEST]}{'...' if len(text) > LONGEST else ''}" if text else str(location)


def who(block: Blockage) -> str:
    """Who is blocked, for the middle of a sentence."""
    if block.sources:
        return "your address " + ", ".join(str(source) for source in block.sources)
    return "everybody"


def turned_away(block: Blockage) -> str:
    """What blocks the client, for a message."""
    decision = block.decision
    whom = f"port {block.port} for {who(block)}"
    if decision is None:
        return f"The firewall {name(block)} {keeps(block)} {whom}."
    what = "a rule" if decision.rule else f"the policy of the chain {decision.chain}"
    line = shown(decision.location)
    inner = f" A rule allows it only on another network interface ({block.inner.location})." if block.inner else ""
    subject = f"{name(block)} {keeps(block)} {whom}"
    return f"The firewall {subject}: {what} ({line}) blocks {decision.stage}.{inner}"


def keeps(block: Blockage) -> str:
    """The verb, with the certainty of the verdict."""
    return "blocks" if block.certain else "may block"


def keep(block: Blockage) -> str:
    """The same verb in the plural."""
    return "block" if block.certain else "may block"


def decided(block: Blockage) -> str:
    """What blocks the client: location and text, for a message."""
    return shown(block.decision.location) if block.decision is not None else str(block.firewall.location)


def name(block: Blockage) -> str:
    """The firewall's display name."""
    return name_of(block.firewall)


def name_of(firewall: Firewall) -> str:
    return firewall.manager if firewall.manager in (UFW, NFTABLES, FIREWALLD) else "iptables"


def admit(block: Blockage) -> Repair:
    """Let in the client's addresses, or everybody if they are not known.

    The latter is unsafe if the firewall may let in the intended people anyway: the verdict depends, or there is a VPN.
    """
    if block.sources:
        return admit_client(block)
    meant = not block.certain or block.inner is not None
    return admit_everybody(block, Safety.UNSAFE if meant else Safety.SAFE)


def admit_client(block: Blockage) -> Repair:
    listed = ", ".join(str(source) for source in block.sources)
    return Repair(
        title=f"allow {listed} to reach TCP port {block.port} in {name(block)}",
        safety=Safety.SAFE,
        edit=partial(edit.allow, firewall=block.firewall, port=block.port, sources=block.sources),
        weakens=f"{listed} can connect to port {block.port}",
        lets_in=True,
    )


def admit_everybody(block: Blockage, safety: Safety) -> Repair:
    return Repair(
        title=f"allow everybody to reach TCP port {block.port} in {name(block)}",
        safety=safety,
        edit=partial(edit.allow, firewall=block.firewall, port=block.port, sources=()),
        weakens=f"port {block.port} will be open to the internet; only SSH logins protect it",
        lets_in=True,
    )


def ask_for_address() -> Repair:
    return Repair(
        title="run again with --from ADDRESS, your public address",
        safety=Safety.MANUAL,
        steps="Find the public address of the computer that you connect from (many web pages show it), then run the "
        "same command with --from and that address.",
    )
