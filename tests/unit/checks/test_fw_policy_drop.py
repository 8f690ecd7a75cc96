"""A rule or a policy keeps SSH out."""

from __future__ import annotations

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Tree, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import server
from tests.unit.firewall.files import (
    BEFORE,
    RELATED,
    USER,
    V4,
    V6,
    allow,
    before,
    came_from,
    saved,
    with_saved,
    with_ufw,
)

pytestmark = pytest.mark.unit

CHECK = "fw-policy-drop"
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
NEW = "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"
REJECT = "-A INPUT -j REJECT --reject-with icmp-host-prohibited"


def fedora(rules: str) -> Tree:
    unit = "[Service]\nType=oneshot\nExecStart=/usr/libexec/iptables/iptables.init start\n"
    return server(
        {
            "/etc/sysconfig/iptables": rules,
            "/usr/lib/systemd/system/iptables.service": unit,
            "/etc/systemd/system/multi-user.target.wants/iptables.service": symlink(
                "/usr/lib/systemd/system/iptables.service"
            ),
        }
    )


def test_a_policy_of_drop_without_a_rule_for_ssh() -> None:
    found = only_finding(with_saved(saved(RELATED, "-A INPUT -p tcp --dport 80 -j ACCEPT")), CHECK)
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert str(found.locations[0]) == "/etc/iptables/rules.v4:2"
    assert ":INPUT DROP [0:0]" in found.message


@pytest.mark.parametrize(
    ("how", "symptom"),
    [
        ("icmp-host-prohibited", Symptom.UNREACHABLE),
        ("icmp-admin-prohibited", Symptom.UNREACHABLE),
        ("icmp-port-unreachable", Symptom.REFUSED),
        ("tcp-reset", Symptom.REFUSED),
    ],
)
def test_a_final_rule_that_rejects(how: str, symptom: Symptom) -> None:
    rule = f"-A INPUT -p tcp -j REJECT --reject-with {how}"
    found = only_finding(fedora(saved(RELATED, rule, policy="ACCEPT")), CHECK)
    assert found.symptom is symptom
    assert str(found.locations[0]) == "/etc/sysconfig/iptables:6"


def test_the_repair_is_one_line_before_the_rule_that_decides() -> None:
    tree = fedora(saved(RELATED, REJECT, policy="ACCEPT"))
    plan = mended(tree)
    assert diff(plan, "/etc/sysconfig/iptables") == ([], [NEW])
    new = (plan.after.facts.tree.text("/etc/sysconfig/iptables") or "").split("\n")
    assert new.index(NEW) + 1 == new.index(REJECT)


def test_both_families_are_mended_and_nothing_else() -> None:
    plan = mended(with_saved(saved(RELATED), saved(RELATED)))
    assert changed_paths(plan) == [V4, V6]
    assert diff(plan, V4) == ([], [NEW])
    neighbours = [f"-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT" for kind in (135, 136)]
    assert diff(plan, V6) == ([], [*neighbours, NEW])


def test_a_known_client_alone_is_let_in() -> None:
    plan = mended(with_saved(saved(RELATED), saved(RELATED)), came_from("203.0.113.5"))
    assert changed_paths(plan) == [V4]
    assert diff(plan, V4)[1] == [NEW.replace("INPUT ", "INPUT -s 203.0.113.5/32 ")]


def test_the_dialled_port_is_the_one_that_is_opened() -> None:
    tree = with_saved(saved(RELATED, SSH), None)
    config = {"/etc/ssh/sshd_config": "Port 22\nPort 2222\nUsePAM yes\n"}
    tree = tree.write("/etc/ssh/sshd_config", config["/etc/ssh/sshd_config"])
    assert causes(tree) == []
    plan = mended(tree, Client(port=2222))
    assert diff(plan, V4)[1] == [NEW.replace("22", "2222")]


def test_a_saved_ban_of_the_client_is_found_and_passed() -> None:
    ban = "-A f2b-sshd -s 203.0.113.5/32 -j REJECT --reject-with icmp-port-unreachable"
    tree = with_saved(saved(":f2b-sshd - [0:0]", "-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd", ban,
                            "-A f2b-sshd -j RETURN", policy="ACCEPT"))  # fmt: skip
    assert causes(tree) == []
    assert causes(tree, came_from("203.0.113.6")) == []
    found = only_finding(tree, CHECK, came_from("203.0.113.5"))
    assert found.symptom is Symptom.REFUSED
    assert found.locations[0].text == ban
    assert len(diff(mended(tree, came_from("203.0.113.5")), V4)[1]) == 1


def test_what_comes_after_the_first_packet_may_be_dropped_and_the_connection_hangs() -> None:
    half = with_saved(saved(NEW))
    assert only_finding(half, CHECK).symptom is Symptom.HANGS
    assert diff(mended(half), V4)[1] == [NEW.replace("NEW", "ESTABLISHED")]


def test_what_the_disk_does_not_tell_is_doubtful_and_says_on_what_it_depends() -> None:
    found = only_finding(with_saved(saved(RELATED, "-A INPUT -i eth0 -j DROP", "-A INPUT -i eth1 -j ACCEPT")), CHECK)
    assert found.severity is Severity.DOUBTFUL
    assert "network interface" in found.reason


def test_ufws_own_rules_that_turn_the_client_away_are_found() -> None:
    tree = with_ufw(allow(22, "203.0.113.0/24", "reject"), allow(22))
    assert causes(tree) == []
    found = only_finding(tree, CHECK, came_from("203.0.113.5"))
    assert found.symptom is Symptom.REFUSED
    plan = mended(tree, came_from("203.0.113.5"))
    assert "### tuple ### allow tcp 22 0.0.0.0/0 any 203.0.113.5 in" in diff(plan, USER)[1]


def test_a_rule_in_before_rules_that_drops_ssh_is_found() -> None:
    text = before(4).replace("COMMIT", "-A ufw-before-input -p tcp --dport 22 -j DROP\nCOMMIT")
    tree = with_ufw(allow(22), allow(22, "::/0"), **{"ufw__before.rules": text})
    assert str(only_finding(tree, CHECK).locations[0].path) == BEFORE
    assert changed_paths(mended(tree)) == [BEFORE]


@pytest.mark.parametrize(
    "rules",
    [
        saved(RELATED, SSH),
        saved(policy="ACCEPT"),
        saved(RELATED, "-A INPUT -p tcp -m multiport --dports 80,443,20:25 -j ACCEPT"),
        saved(RELATED, "-A INPUT -p tcp -m tcp --dport ssh -m state --state NEW -j ACCEPT"),
        saved(RELATED, "-A INPUT -s 203.0.113.0/24 -j DROP", SSH, REJECT),
        saved(RELATED, "-A INPUT -i eth0 -p tcp --dport 22 -j ACCEPT"),
        saved("oops"),
        "",
        "\x00\x01",
    ],
)
def test_rules_that_let_ssh_in_are_no_finding(rules: str) -> None:
    assert causes(with_saved(rules)) == []


def test_two_firewalls_are_both_mended() -> None:
    tree = with_ufw(allow(80))
    both = with_saved(saved(RELATED))
    for path in (V4, "/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service",
                 "/usr/lib/systemd/system/netfilter-persistent.service"):  # fmt: skip
        entry = both.lentry(path)
        assert entry is not None
        tree = tree.with_entries({path: entry})
    assert causes(tree) == ["fw-policy-drop", "ufw-no-ssh-rule"]
    mended(tree)


def test_a_port_that_a_vpn_may_reach_is_not_opened_for_everybody_unasked() -> None:
    tree = with_saved(saved(RELATED, "-A INPUT -i wg0 -p tcp --dport 22 -j ACCEPT"))
    found = only_finding(tree, CHECK)
    assert "another network interface" in found.message
    assert [repair.safety for repair in found.repairs] == [Safety.UNSAFE]
    assert changed_paths(mended(tree, came_from("203.0.113.5"))) == [V4]


def test_nor_is_one_that_opens_to_those_who_knock() -> None:
    found = only_finding(with_saved(saved(RELATED, "-A INPUT -m recent --rcheck --name DOOR -j ACCEPT")), CHECK)
    assert found.severity is Severity.DOUBTFUL
    assert "knocking" in found.reason
    assert [repair.safety for repair in found.repairs] == [Safety.UNSAFE]
