"""Files of systemd-networkd that leave the server's interface down."""

from __future__ import annotations

import pytest

from rescue.model import Severity
from rescue.tree import Tree
from tests.checking import causes, diff, mended, mended_if_agreed, only_finding
from tests.networks import WIRED, networkd, networked

pytestmark = pytest.mark.unit

FIRST = "/etc/systemd/network/05-x.network"


def by(text: str, match: str = "Name=en* eth*", path: str = FIRST) -> Tree:
    return networked({**networkd("Name=en* eth*"), path: f"[Match]\n{match}\n{text}"})


@pytest.mark.parametrize("policy", ["down", "always-down", "manual"])
def test_a_policy_is_commented_out(policy: str) -> None:
    tree = by(f"[Link]\nActivationPolicy={policy}\n[Network]\nDHCP=yes\n", path=WIRED)
    assert only_finding(tree, "networkd-left-down").severity is Severity.BROKEN
    assert diff(mended(tree), WIRED) == ([f"ActivationPolicy={policy}"], [f"#ActivationPolicy={policy}"])


@pytest.mark.parametrize("match", ["Name=en* eth*", "Name=*", "Name=e*"])
def test_a_file_that_keeps_networkd_away_is_removed(match: str) -> None:
    tree = by("[Link]\nUnmanaged=yes\n", match)
    assert only_finding(tree, "networkd-left-down").severity is Severity.BROKEN
    assert mended_if_agreed(tree).after.facts.tree.text(FIRST) is None


@pytest.mark.parametrize(
    "tree",
    [
        by("[Link]\nUnmanaged=yes\n", "Name=eth1"),
        by("[Link]\nUnmanaged=yes\n", "MACAddress=52:54:00:12:34:56"),
        by("[Link]\nUnmanaged=yes\n", "Name=docker0 veth*"),
        by("[Link]\nUnmanaged=no\n[Network]\nDHCP=yes\n"),
        by("[Link]\nActivationPolicy=up\n[Network]\nDHCP=yes\n"),
        by("[Link]\nActivationPolicy=down\n", "Name=ens4"),
        by("[Link]\nUnmanaged=yes\n", "Name=en* eth*", "/etc/systemd/network/20-x.network"),
    ],
    ids=["another", "a second card", "docker", "managed", "up", "one name", "later"],
)
def test_what_must_not_alarm(tree: Tree) -> None:
    assert causes(tree) == []
