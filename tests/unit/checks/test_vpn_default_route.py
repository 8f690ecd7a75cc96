import base64
import json
from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.network.tunnels import settings_alone
from rescue.plan import any_repairs
from rescue.tree import Entry, Tree, file, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.networks import LIB, UNIT, WANTS, networkd, networked

pytestmark = pytest.mark.unit

ME = Client(sources=(ip_address("198.51.100.7"),))
CONF = "/etc/wireguard/wg0.conf"
WG = (
    "[Interface]\nAddress = 10.7.0.4/24\nPrivateKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
    "[Peer]\nPublicKey = BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\nAllowedIPs = 0.0.0.0/0, ::/0\n"
)
STATIC = networkd("Name=eth0", "Address=192.0.2.2/24\nGateway=192.0.2.1")
STARTED: dict[str, str | Entry] = {
    f"{LIB}/wg-quick@.service": UNIT, f"{WANTS}/wg-quick@wg0.service": symlink(f"{LIB}/wg-quick@.service"),
}  # fmt: skip


def tunnelled(text: str, extra: Mapping[str, str | Entry] | None = None) -> Tree:
    return networked({**STATIC, **STARTED, CONF: file(text, 0o600), **(extra or {})})


@pytest.mark.parametrize(
    "text",
    [
        WG,
        WG.replace("0.0.0.0/0, ::/0", "0.0.0.0/1, 128.0.0.0/1"),
        WG.replace("AllowedIPs = 0.0.0.0/0, ::/0", "AllowedIPs = 0.0.0.0/1\nAllowedIPs=128.0.0.0/1"),
        WG.replace("0.0.0.0/0, ::/0", "198.51.100.0/24"),
        WG.replace("[Peer]", "Table = auto\n[Peer]"),
    ],
)
def test_what_takes_the_clients_addresses_gets_its_answers(text: str) -> None:
    tree = tunnelled(text)
    finding = only_finding(tree, "vpn-default-route", ME)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert "AllowedIPs" in finding.locations[0].text
    plan = mended(tree, ME, choose=any_repairs)
    assert diff(plan, CONF) == (
        [], ["PostUp = ip rule add from 192.0.2.2 table main", "PostDown = ip rule del from 192.0.2.2 table main"],
    )  # fmt: skip


def test_where_the_address_is_not_written_the_vpn_is_not_started() -> None:
    tree = tunnelled(WG, networkd("Name=eth0"))
    assert changed_paths(mended(tree, ME, choose=any_repairs)) == [f"{WANTS}/wg-quick@wg0.service"]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (WG, "192.0.2.9"),
        (WG, "10.7.0.9"),
        (WG.replace("0.0.0.0/0, ::/0", "10.0.0.0/8"), "198.51.100.7"),
        (WG.replace("0.0.0.0/0, ::/0", "::/0"), "198.51.100.7"),
        (WG.replace("[Peer]", "Table = off\n[Peer]"), "198.51.100.7"),
        (WG.replace("[Peer]", "Table = 1234\n[Peer]"), "198.51.100.7"),
        (WG.replace("[Peer]", "PostUp = ip rule add from 192.0.2.2 table main\n[Peer]"), "198.51.100.7"),
        (WG.replace("[Peer]", "PreUp = ip -4 rule add from 192.0.2.2 lookup main prio 100\n[Peer]"), "198.51.100.7"),
    ],
)
def test_who_is_near_or_kept_on_the_main_table_is_answered(text: str, source: str) -> None:
    assert causes(tunnelled(text), Client(sources=(ip_address(source),))) == []


def test_a_tunnel_that_is_not_started_takes_nothing() -> None:
    assert causes(networked({**STATIC, CONF: file(WG, 0o600)}), ME) == []


def test_a_rule_of_rc_local_keeps_the_answers() -> None:
    script = {"/etc/rc.local": file("#!/bin/sh\nip rule add from 192.0.2.2 table main\n", 0o755)}
    assert causes(tunnelled(WG, script), ME) == []


def test_without_the_clients_address_it_is_a_doubt() -> None:
    assert "--from" in only_finding(tunnelled(WG), "vpn-default-route").reason
    some = WG.replace("0.0.0.0/0, ::/0", "198.51.100.0/24")
    assert causes(tunnelled(some)) == []


def test_commands_of_ones_own_are_a_doubt() -> None:
    text = WG.replace("[Peer]", "PostUp = /etc/wireguard/rules.sh\n[Peer]")
    assert "PostUp" in only_finding(tunnelled(text), "vpn-default-route", ME).reason


NETDEV = "[NetDev]\nName=wg1\nKind=wireguard\n[WireGuardPeer]\nAllowedIPs=0.0.0.0/0\n"
OTHERS: list[dict[str, str | Entry]] = [
    {"/etc/systemd/network/w.netdev": NETDEV.replace("[Wire", "[WireGuard]\nRouteTable=main\n[Wire", 1)},
    {
        "/etc/systemd/network/w.netdev": NETDEV,
        "/etc/systemd/network/w.network": "[Match]\nName=wg1\n[Route]\nDestination=0.0.0.0/0\n",
    },
    {
        "/etc/openvpn/client/home.conf": "client\nremote vpn.example.org\nredirect-gateway def1\n",
        f"{LIB}/openvpn-client@.service": UNIT, f"{WANTS}/openvpn-client@home.service": symlink("x"),
    },
    {
        "/etc/openvpn/home.conf": "client\nredirect-gateway\n", f"{LIB}/openvpn.service": UNIT,
        f"{WANTS}/openvpn.service": symlink("x"),
    },
    {
        "/etc/netplan/1.yaml": "network: {tunnels: {wg1: {mode: wireguard, routes: [{to: default, scope: link}]}}}\n",
    },
]  # fmt: skip


@pytest.mark.parametrize("files", OTHERS)
def test_other_programs_take_the_default_route_as_well(files: dict[str, str | Entry]) -> None:
    assert causes(networked({**STATIC, **files}), ME) == ["vpn-default-route"]


@pytest.mark.parametrize(
    "files",
    [
        {"/etc/systemd/network/w.netdev": NETDEV},
        {
            **OTHERS[0],
            "/etc/systemd/network/r.network": "[Match]\nName=eth1\n[RoutingPolicyRule]\nFrom=192.0.2.2\nTable=main\n",
        },
        {**OTHERS[2], "/etc/openvpn/client/home.conf": "client\n#redirect-gateway def1\n"},
        {**OTHERS[2], "/etc/openvpn/client/home.conf": 'mode server\npush "redirect-gateway def1"\n'},
        {**OTHERS[3], "/etc/default/openvpn": 'AUTOSTART="none"\n'},
    ],
)
def test_other_programs_that_leave_it_alone_are_no_fault(files: dict[str, str | Entry]) -> None:
    assert causes(networked({**STATIC, **files}), ME) == []


def state(**told: object) -> str:
    coded = base64.b64encode(json.dumps({"PrivateNodeKey": "privkey:abc", **told}).encode()).decode()
    return json.dumps(
        {"_machinekey": "secret", "_current-profile": base64.b64encode(b"profile-7").decode(), "profile-7": coded}
    )


def test_an_exit_node_of_tailscale() -> None:
    path = "/var/lib/tailscale/tailscaled.state"
    unit: dict[str, str | Entry] = {f"{LIB}/tailscaled.service": UNIT, f"{WANTS}/tailscaled.service": symlink("x")}
    used = networked({**STATIC, **unit, path: file(state(ExitNodeID="n1"), 0o600)})
    assert changed_paths(mended(used, ME, choose=any_repairs)) == [f"{WANTS}/tailscaled.service"]
    for other in (state(ExitNodeID=""), state(ExitNodeID="n1", WantRunning=False), "{", "[]", "{}"):
        assert causes(networked({**STATIC, **unit, path: file(other, 0o600)}), ME) == []


def test_no_key_of_tailscale_leaves_the_machine() -> None:
    kept = settings_alone(state(ExitNodeID="n1").encode())
    assert b"secret" not in kept
    assert "privkey" not in "".join(base64.b64decode(each).decode() for each in json.loads(kept).values())
