"""``rescue explain sshd TARGET``: what sshd's settings are for one connection, and which line decided each."""

from __future__ import annotations

import sys

from rescue.errors import UsageError
from rescue.examine import declared_reads
from rescue.facts import Facts
from rescue.model import Client
from rescue.sshd.provenance import rows
from rescue.sshd.settled import Settled
from rescue.status import Status
from rescue.survey import complete
from rescue.tree import Tree
from rescue.ui import document
from rescue.ui.effective import EffectiveReport, as_document
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.session import Session

ROOT = "root"
"""Whose connection it is where nobody is named."""


def show(session: Session, *, every: bool) -> Status:
    """Capture, compute, show. BROKEN where sshd does not start with this configuration."""
    if len(session.client.sources) > 1:
        raise UsageError(
            "explain sshd looks at one connection, and --from is given more than once", "Name one address."
        )
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        session.progress("reading the SSH server's configuration")
        _, settled = complete(target, target.capture(declared_reads()), lambda tree: settle(tree, session.client))
        name, method, notes = target.name, target.method, target.notes
    if session.json:
        document.write(as_document(settled, name, method, notes), sys.stdout)
    else:
        EffectiveReport(session.report, every=every).show(settled, name, method, notes)
    return Status.CLEAR if settled.starts else Status.BROKEN


def settle(tree: Tree, client: Client) -> Settled:
    """The settings for the client's user (root where none is named) from its first address. Raises NotCaptured."""
    facts = Facts(tree, client)
    user = client.user or ROOT
    account = facts.accounts.get(user)
    address = client.sources[0] if client.sources else None
    groups = facts.accounts.groups_of(account) if account is not None else frozenset()
    port = facts.dialled
    effective = facts.sshd.effective(user=user, groups=groups, address=address, local_port=port)
    return Settled(
        facts.openssh,
        facts.sshd.dialect,
        user,
        account is not None,
        address,
        port,
        rows(facts.sshd, effective),
        facts.sshd.problems,
    )
