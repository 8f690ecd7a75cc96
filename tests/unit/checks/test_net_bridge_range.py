import json
from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, symlink
from tests.checking import causes, changed_paths, diff, mended_if_agreed, only_finding
from tests.networks import LIB, UNIT, WANTS, networkd, networked

pytestmark = pytest.mark.unit

DAEMON = "/etc/docker/daemon.json"
NETWORKS = "/etc/libvirt/qemu/networks"
STATIC = "Address=192.0.2.2/24\nGateway=192.0.2.1\n"
ME, OTHER = Client(sources=(ip_address("10.20.0.7"),)), Client(sources=(ip_address("203.0.113.7"),))


def started(name: str) -> dict[str, str | Entry]:
    return {f"{LIB}/{name}": UNIT, f"{WANTS}/{name}": symlink(f"{LIB}/{name}")}


def docker(settings: object, network: str = STATIC) -> Tree:
    text: str = settings if isinstance(settings, str) else json.dumps(settings, indent=2)
    return networked({**networkd("Name=e*", network), **started("docker.service"), DAEMON: text})


def libvirt(ip: str, network: str = STATIC, unit: str = "libvirtd.service") -> Tree:
    text = f"<network>\n  <name>office</name>\n  <!-- <ip address='10.20.0.1' prefix='16'/> -->\n  {ip}\n</network>\n"
    files: dict[str, str | Entry] = {
        f"{NETWORKS}/office.xml": text,
        f"{NETWORKS}/autostart/office.xml": symlink(f"{NETWORKS}/office.xml"),
    }
    return networked({**networkd("Name=e*", network), **started(unit), **files})


def cni(text: str) -> Tree:
    return networked({**networkd("Name=e*", STATIC), "/etc/cni/net.d/1.conf": text})


def test_dockers_bridge_gets_another_range() -> None:
    tree = docker({"bip": "10.20.0.1/16", "iptables": True})
    finding = only_finding(tree, "net-bridge-range", ME)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert diff(mended_if_agreed(tree, ME), DAEMON) == (['  "bip": "10.20.0.1/16",'], ['  "bip": "172.31.0.1/16",'])
    assert causes(tree, OTHER) == causes(tree) == []


def test_a_range_in_use_is_not_taken() -> None:
    tree = docker({"bip": "10.20.0.1/16"}, "Address=172.31.5.2/24\nGateway=172.31.5.1\n")
    assert diff(mended_if_agreed(tree, ME), DAEMON)[1] == ['  "bip": "172.30.0.1/16"']


def test_the_bridge_has_the_gateways_address() -> None:
    tree = docker({"bip": "10.0.0.1/24"}, "Address=10.0.0.2/8\nGateway=10.0.0.1\n")
    finding = only_finding(tree, "net-bridge-range")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert changed_paths(mended_if_agreed(tree)) == [DAEMON]
    # With another address in that range the gateway is still reached: its route names the interface.
    assert causes(docker({"bip": "10.0.0.254/24"}, "Address=10.0.0.2/8\nGateway=10.0.0.1\n"), OTHER) == []


@pytest.mark.parametrize(
    ("settings", "source"),
    [
        ({"default-address-pools": [{"base": "10.20.0.0/16", "size": 24}]}, "10.20.0.7"),
        ({"log-driver": "journald"}, "172.17.4.4"), ("", "172.17.4.4"),
    ],
)  # fmt: skip
def test_a_range_that_docker_chooses_is_a_doubt(settings: object, source: str) -> None:
    client = Client(sources=(ip_address(source),))
    finding = only_finding(docker(settings), "net-bridge-range", client)
    assert finding.severity is Severity.DOUBTFUL
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]
    near = "Address=172.17.0.2/16\nAddress=10.20.0.2/24\nGateway=172.17.0.1\n"
    assert causes(docker(settings, near), client) == []


def test_ipv6() -> None:
    settings = {"ipv6": True, "fixed-cidr-v6": "2001:db8:1::/64"}
    client = Client(sources=(ip_address("2001:db8:1::7"),))
    here = "Address=2001:db8:9::2/64\nGateway=2001:db8:9::1\nIPv6AcceptRA=no\n"
    assert only_finding(docker(settings, here), "net-bridge-range", client).locations[0].line == 3
    assert causes(docker({**settings, "ipv6": False}, here), client) == []


def test_with_dhcp_the_server_may_be_nearer() -> None:
    assert only_finding(docker({"bip": "10.20.0.1/16"}, "DHCP=yes"), "net-bridge-range", ME).reason


@pytest.mark.parametrize(
    "ip", ["<ip address='10.20.0.1' netmask='255.255.0.0'>", '<ip\n address="10.20.0.1" prefix="16"/>']
)
def test_libvirts_network_is_not_started(ip: str) -> None:
    tree = libvirt(ip)
    assert only_finding(tree, "net-bridge-range", ME).locations[0].line == 4
    assert changed_paths(mended_if_agreed(tree, ME)) == [f"{NETWORKS}/autostart/office.xml"]
    assert causes(tree, OTHER) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "/etc/containers/networks/web.json",
            '{"name": "web", "driver": "bridge", "subnets": [{"subnet": "10.20.0.0/16", "gateway": "10.20.0.1"}]}',
        ),
        (
            "/etc/cni/net.d/87.conflist",
            '{"plugins": [{"type": "bridge", "ipam": {"ranges": [[{"subnet": "10.20.0.0/16"}]]}}]}',
        ),
        ("/etc/cni/net.d/10.conf", '{"type": "bridge", "ipam": {"subnet": "10.20.0.0/16"}}'),
    ],
)
def test_a_network_of_podman_is_a_doubt(path: str, text: str) -> None:
    tree = networked({**networkd("Name=e*", STATIC), path: text})
    assert only_finding(tree, "net-bridge-range", ME).severity is Severity.DOUBTFUL
    assert causes(tree, OTHER) == []


@pytest.mark.parametrize(
    "tree",
    [
        docker({"bip": "10.20.0.1/16", "bridge": "none"}), docker({"bip": "10.20.0.1"}), docker({"bip": 7}),
        docker('{"bip": "10.20.0.1/16",}'), docker("[" * 100_000), docker("[]"), docker({"bip": "10.30.0.1/16"}),
        docker({"bip": "10.20.0.1/16"}, "Address=10.20.0.2/24\nGateway=10.20.0.1\n".replace("0.1\n", "0.3\n")),
        docker({"bip": "10.20.0.1/16"}, f"{STATIC}[Route]\nDestination=10.20.0.0/17\nGateway=192.0.2.9\n"),
        docker({"default-address-pools": [{"base": "10.20.0.0/16", "size": 99}]}),
        docker({"default-address-pools": [{"base": "10.0.0.0/8", "size": 24}]}),
        networked({**networkd("Name=e*", STATIC), DAEMON: '{"bip": "10.20.0.1/16"}'}),
        libvirt("<ip address='10.20.0.1' prefix='16'/>", unit="other.service"), libvirt("<ip address='10.20.0.1'/>"),
        libvirt("<ip address='10.20.0.1' prefix='16'/>", "Address=10.20.0.2/16\nGateway=10.20.0.3\n"),
        cni('{"type": "host-local", "ipam": {"subnet": "10.20.0.0/16"}}'), cni('{"plugins": {"type": "bridge"}}'),
    ],
)  # fmt: skip
def test_states_that_are_none(tree: Tree) -> None:
    assert causes(tree, ME) == []
