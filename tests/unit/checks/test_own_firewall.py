"""Firewalls that a script or a unit of one's own loads: judged and mended where it loads a file, else told."""

from __future__ import annotations

import pytest

from rescue.model import Severity, Symptom
from rescue.tree import Entry, Tree, file
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import server
from tests.unit.boot.test_commands import IFUP, own_unit
from tests.unit.firewall.files import PERSISTENT, RELATED, V4, came_from, saved

pytestmark = pytest.mark.unit

RULES = "/etc/iptables.rules"
WEB = saved(RELATED, "-A INPUT -p tcp --dport 443 -j ACCEPT")
NFT = "flush ruleset\ntable inet f {\n\tchain i {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n"


def script(*lines: str) -> Entry:
    return file("\n".join(["#!/bin/sh", *lines, ""]), 0o755)


def with_rc(*lines: str, **files: str) -> Tree:
    """The healthy server with these lines in rc.local."""
    return server({"/etc/rc.local": script(*lines), **{f"/etc/{name}": text for name, text in files.items()}})


LOADERS: dict[str, dict[str, Entry | str | bytes | None]] = {
    "rc.local": {"/etc/rc.local": script("iptables-restore < /etc/iptables.rules", "exit 0")},
    "if-pre-up.d": {**IFUP, "/etc/network/if-pre-up.d/fw": script("/sbin/iptables-restore < /etc/iptables.rules")},
    "pre-up": {**IFUP, "/etc/network/interfaces": "auto eth0\niface eth0 inet dhcp\n"
               "    pre-up iptables-restore < /etc/iptables.rules\n"},
    "unit": own_unit("/sbin/iptables-restore /etc/iptables.rules", "iptables"),
    "unit with a shell": own_unit('/bin/sh -c "/sbin/iptables-restore < /etc/iptables.rules"'),
    "unit with a script": {**own_unit("/root/fw.sh"), "/root/fw.sh": script(
        "if [ -e /etc/iptables.rules ]; then", "  iptables-restore -c < /etc/iptables.rules", "fi")},
}  # fmt: skip


@pytest.mark.parametrize("loader", LOADERS.values(), ids=list(LOADERS))
def test_rules_that_a_script_of_ones_own_loads_are_judged_and_mended(loader: dict[str, Entry | str | bytes]) -> None:
    tree = server({**loader, RULES: WEB})
    found = only_finding(tree, "fw-policy-drop")
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert str(found.locations[0]) == f"{RULES}:2"
    assert str(found.locations[-1]).startswith(tuple(loader))
    plan = mended(tree)
    assert changed_paths(plan) == [RULES]


def test_the_line_that_is_put_in_is_for_ssh_alone() -> None:
    plan = mended(server({**LOADERS["rc.local"], RULES: WEB}))
    assert diff(plan, RULES) == ([], ["-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"])


def test_rules_that_let_in_are_no_matter() -> None:
    tree = server({**LOADERS["rc.local"], RULES: saved(RELATED, "-A INPUT -p tcp --dport 22 -j ACCEPT")})
    assert causes(tree) == []


def test_an_nft_script_of_ones_own_is_judged_and_mended() -> None:
    tree = with_rc("nft -f /etc/my.nft", **{"my.nft": NFT})
    assert causes(tree) == ["nft-drop"]
    assert changed_paths(mended(tree)) == ["/etc/my.nft"]


def test_a_unit_of_nftables_that_loads_another_file_than_the_usual_one() -> None:
    tree = server(
        {
            **own_unit("/usr/sbin/nft -f /etc/nftables/main.nft", "nftables"),
            "/etc/nftables.conf": "flush ruleset\n",
            "/etc/nftables/main.nft": NFT,
        }
    )
    found = only_finding(tree, "nft-drop")
    assert str(found.locations[0]).startswith("/etc/nftables/main.nft")


@pytest.mark.parametrize(
    "lines",
    [
        ("iptables -P INPUT DROP",),
        ("IPT=/sbin/iptables", "$IPT -F", "$IPT -A INPUT -p tcp --dport 80 -j ACCEPT", "$IPT -P INPUT DROP"),
        ("iptables-restore < $RULES",),
        ("if ping -c1 gateway; then", "iptables-restore < /etc/iptables.rules", "fi"),
        ("ufw --force enable",),
        ("iptables-restore < /etc/iptables.rules", "iptables-restore < /etc/other.rules"),
    ],
)
def test_what_cannot_be_read_leaves_a_doubt(lines: tuple[str, ...]) -> None:
    tree = with_rc(*lines, **{"iptables.rules": WEB, "other.rules": WEB})
    found = only_finding(tree, "firewall-not-read")
    assert found.severity is Severity.DOUBTFUL
    assert str(found.locations[0].path) == "/etc/rc.local"
    assert "/etc/rc.local" in found.message


def test_a_second_restore_over_saved_rules_is_not_judged() -> None:
    files = {**PERSISTENT, V4: saved(RELATED, "-A INPUT -p tcp --dport 22 -j ACCEPT"), RULES: WEB}
    assert causes(server({**files, **LOADERS["rc.local"]})) == ["firewall-not-read"]


def test_saved_rules_that_a_script_loads_once_more_are_judged_once() -> None:
    again = script(f"iptables-restore < {V4}")
    assert causes(server({**PERSISTENT, V4: WEB, "/etc/rc.local": again})) == ["fw-policy-drop"]


def test_rules_of_alpine() -> None:
    units = {"/usr/lib/systemd/system/default.target": None, "/usr/lib/systemd/system/multi-user.target": None,
             "/etc/runlevels/default/sshd": "", "/etc/init.d/sshd": RC,
             "/etc/runlevels/default/iptables": "", "/etc/init.d/iptables": RC}  # fmt: skip
    found = [each for each in causes(server({**units, "/etc/iptables/rules-save": WEB})) if each.startswith("fw")]
    assert found == ["fw-policy-drop"]


RC = script("start() {", "iptables-restore < $FILE", "}")


def test_what_forwards_only_is_no_matter() -> None:
    assert causes(with_rc("iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE", "iptables -P FORWARD DROP")) == []


def test_the_clients_address_alone_is_let_in_where_it_is_known() -> None:
    plan = mended(server({**LOADERS["pre-up"], RULES: WEB}), came_from("198.51.100.7"))
    rule = "-A INPUT -s 198.51.100.7/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"
    assert diff(plan, RULES) == ([], [rule])
