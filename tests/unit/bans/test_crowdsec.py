"""CrowdSec's decisions as its database has them, and what its bouncer does with them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rescue.bans.crowdsec import bans, crowdsec, lifted, moment
from rescue.model import Symptom
from rescue.tree import Tree
from tests.unit.bans.crowdsec_files import BOUNCER, CONFIG, Row, ban, installed
from tests.unit.bans.fail2ban_files import NOW

pytestmark = pytest.mark.unit


def banned(*rows: Row, bouncer: str = BOUNCER) -> list[str]:
    return [each.written for each in bans(crowdsec(Tree.of(installed(*rows, bouncer=bouncer))), NOW)]


def test_a_decision_counts_until_it_ends() -> None:
    assert banned(ban("192.0.2.1"), ban("192.0.2.2", -1), ban("192.0.2.0/24", scope="Range")) == [
        "192.0.2.1",
        "192.0.2.0/24",
    ]


def test_other_kinds_of_decisions_keep_nobody_out() -> None:
    others = (ban("192.0.2.1", kind="captcha"), ban("192.0.2.1", simulated=True), ban("DE", scope="Country"))
    assert banned(*others) == []


def test_the_bouncer_may_let_ipv6_alone_or_guard_other_chains_only() -> None:
    assert banned(ban("2001:db8::1"), bouncer=BOUNCER.replace("disable_ipv6: false", "disable_ipv6: true")) == []
    forward = BOUNCER.replace("- INPUT", "- DOCKER-USER")
    assert banned(ban("192.0.2.1"), bouncer=forward.replace("nftables", "iptables")) == []
    assert banned(ban("192.0.2.1"), bouncer=forward) == ["192.0.2.1"]


def test_how_it_answers_is_told_by_its_configuration_and_the_local_one() -> None:
    tree = Tree.of(
        {
            **installed(),
            "/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml.local": "deny_action: 'REJECT'\n",
        }
    )
    assert crowdsec(tree).symptom is Symptom.REFUSED
    assert crowdsec(Tree.of(installed())).symptom is Symptom.TIMED_OUT


@pytest.mark.parametrize(
    "path, text",
    [
        ("/etc/crowdsec/config.yaml", CONFIG.replace("type: sqlite", "type: mysql")),
        ("/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml", BOUNCER.replace("127.0.0.1", "192.0.2.80")),
    ],
)
def test_decisions_that_are_elsewhere_are_said_to_be(path: str, text: str) -> None:
    assert crowdsec(Tree.of({**installed(), path: text})).elsewhere


def test_times_are_read_as_go_writes_them() -> None:
    told = datetime(2026, 11, 25, 23, 2, 16, tzinfo=UTC)
    for text in ("2026-11-25 23:02:16+00:00", "2026-11-25T23:02:16.265766182Z", "2026-11-26 00:32:16.5+01:30",
                 "2026-11-25 18:02:16-05:00", "2026-11-25 23:02:16.2 +0000 UTC"):  # fmt: skip
        assert moment(text) == told, text
    assert [moment(text) for text in ("", "soon", "2026-13-01 00:00:00Z")] == [None] * 3


def test_the_decisions_on_one_value_end_now() -> None:
    tree = Tree.of(installed(ban("192.0.2.1"), ban("192.0.2.1", -9), ban("203.0.113.9")))
    this = crowdsec(tree)
    assert this.database is not None
    after = lifted(tree, this.database, ("192.0.2.1",), NOW)
    assert [each.written for each in bans(crowdsec(after), NOW)] == ["203.0.113.9"]


def networks(*rows: Row, bouncer: str = BOUNCER) -> list[str]:
    return [str(each.network) for each in bans(crowdsec(Tree.of(installed(*rows, bouncer=bouncer))), NOW)]


def test_of_a_range_nftables_keeps_the_first_address_alone() -> None:
    """Its sets have no flag "interval" (seen: 192.0.2.1 got in, five times of five)."""
    ranges = (ban("192.0.2.0/24", scope="Range"), ban("2001:db8::/32", scope="Range"))
    assert networks(*ranges) == ["192.0.2.0/32", "2001:db8::/128"]
    for mode in ("iptables", "ipset"):
        other = BOUNCER.replace("mode: nftables", f"mode: {mode}")
        assert networks(*ranges, bouncer=other) == ["192.0.2.0/24", "2001:db8::/32"]
    own = BOUNCER + "nftables:\n  ipv4:\n    set-only: true\n"
    assert networks(*ranges, bouncer=own) == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize(
    "text", ["db_config: {type: mysql}\n", 'db_config:\n  "type": mysql\n', "db_config: {type: 'mysql'}\n"]
)
def test_a_file_in_another_style_says_the_same(text: str) -> None:
    this = crowdsec(Tree.of({**installed(), "/etc/crowdsec/config.yaml": text}))
    assert "database of type mysql" in this.elsewhere


@pytest.mark.parametrize("text", ["db_config: {type: mysql\n", "a:\n\tb: c\n"])
def test_a_file_that_is_no_yaml_leaves_it_open_whom_it_bans(text: str) -> None:
    this = crowdsec(Tree.of({**installed(), "/etc/crowdsec/config.yaml": text}))
    assert "is not valid YAML" in this.elsewhere


def test_lists_may_be_written_in_brackets() -> None:
    bracketed = (
        BOUNCER.replace("mode: nftables", "mode: iptables").split("iptables_chains")[0]
        + "iptables_chains: [ FORWARD ]\n"
    )
    assert banned(ban("192.0.2.1"), bouncer=bracketed) == []
