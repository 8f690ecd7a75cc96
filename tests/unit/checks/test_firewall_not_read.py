"""firewall-not-read: what can't be judged is not called clear."""

from __future__ import annotations

import pytest

from rescue.model import Severity
from rescue.tree import Entry, symlink
from tests.checking import causes, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

NFT = "flush ruleset\ntable inet filter {{\n chain input {{\n  type filter hook input priority 0;{} }}\n}}\n"
WANTS = "/etc/systemd/system/multi-user.target.wants"


def started(name: str, **files: str) -> dict[str, Entry | str | bytes | None]:
    """The service `name` started at boot, with files by their paths."""
    return {
        f"/usr/lib/systemd/system/{name}.service": "[Service]\nExecStart=/usr/sbin/x\n",
        f"{WANTS}/{name}.service": symlink(f"/usr/lib/systemd/system/{name}.service"),
        **files,
    }


@pytest.mark.parametrize("name", ["shorewall", "csf", "ferm"])
def test_a_firewall_that_is_not_read_leaves_a_doubt(name: str) -> None:
    finding = only_finding(server(started(name)), "firewall-not-read")
    assert (finding.severity, finding.subject) == (Severity.DOUBTFUL, name)


def test_nftables_without_a_rule_that_blocks_is_no_matter() -> None:
    for rules in (NFT.format(""), NFT.format(" # policy drop;\n"), ""):
        assert causes(server({**started("nftables"), "/etc/nftables.conf": rules})) == []


def test_a_firewall_that_is_only_installed_is_no_matter() -> None:
    files = started("ferm")
    files[f"{WANTS}/ferm.service"] = None
    assert causes(server(files)) == []
