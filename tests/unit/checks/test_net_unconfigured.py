import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Entry, directory, file, symlink
from tests.checking import causes, changed_paths, diff, lines, mended, only_finding
from tests.networks import CAME_UP, LIB, UNIT, WANTS, networkd, networked
from tests.trees import DHCPCD_STARTS, server

pytestmark = pytest.mark.unit

INTERFACES = "/etc/network/interfaces"
LO = "auto lo\niface lo inet loopback\n"
KERNEL: dict[str, str | Entry] = {"/usr/lib/modules/6.1.0-1-amd64/modules.dep": ""}
CLIENT: dict[str, str | Entry] = {"/usr/sbin/dhclient": file("ELF", 0o755)}
MAIN = "/etc/NetworkManager/NetworkManager.conf"
CONF = "/etc/NetworkManager/conf.d/10-mine.conf"
NETPLAN = "/etc/netplan/01-netcfg.yaml"


def found(files: dict[str, str | Entry], manager: str) -> list[str]:
    return causes(networked({**KERNEL, **CLIENT, **files}, manager=manager))


@pytest.mark.parametrize(
    "text",
    [
        f"{LO}auto eth0\niface eth0 inet dhcp\n",
        f"{LO}allow-hotplug eth0\niface eth0 inet dhcp\n",
        f"{LO}auto vmbr0\niface eno1 inet manual\niface vmbr0 inet dhcp\n  bridge-ports eno1\n",
        f"{LO}auto /e*\niface /e* inet dhcp\n",
        f"{LO}source-directory /run/network/interfaces.d\n",
    ],
)
def test_ifupdown_that_brings_a_card_up_is_no_fault(text: str) -> None:
    assert found({INTERFACES: text}, "networking.service") == []


@pytest.mark.parametrize(
    "files",
    [
        networkd("Name=e*"),
        networkd("Name=!lo"),
        networkd(""),
        networkd("MACAddress=52:54:00:00:00:01"),
        networkd("Name=br0"),
        {NETPLAN: "network:\n  ethernets:\n    eth0:\n      dhcp4: true\n"},
        {NETPLAN: "network: {bonds: {b0: {interfaces: [eth0], dhcp4: true}}, ethernets: {eth0: {}}}\n"},
        # Something else may do it.
        {"/etc/rc.local": file("#!/bin/sh\nip link set eth0 up\nip addr add 192.0.2.2/24 dev eth0\n", 0o755)},
        {f"{LIB}/own.service": UNIT.replace("/bin/true", "/sbin/dhclient eth0"), f"{WANTS}/own.service": symlink("x")},
        {"/boot/grub/grub.cfg": "linux /vmlinuz root=/dev/vda1 ip=192.0.2.2::192.0.2.1:255.255.255.0::eth0:off\n"},
        {"/etc/cloud/cloud.cfg": "", f"{LIB}/cloud-init.service": UNIT},
    ],
)
def test_what_configures_a_card_or_may_is_no_fault(files: dict[str, str | Entry]) -> None:
    assert found(files, "systemd-networkd.service") == []


@pytest.mark.parametrize(
    "text",
    [
        "[main]\nplugins=keyfile\n",
        "[keyfile]\nunmanaged-devices=interface-name:docker*;interface-name:veth*\n",
        "[keyfile]\nunmanaged-devices=*,except:type:ethernet\n",
        "[keyfile]\nunmanaged-devices=*,except:interface-name:eth0\n",
        "[main]\nno-auto-default=eth1\n",
    ],
)
def test_networkmanager_configures_a_card_of_which_it_was_told_nothing(text: str) -> None:
    assert found({CONF: text}, "NetworkManager.service") == []


def test_ifupdown_with_the_loopback_alone_configures_nothing() -> None:
    tree = networked({**KERNEL, **CLIENT, INTERFACES: LO}, CAME_UP, manager="networking.service")
    finding = only_finding(tree, "net-unconfigured")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert finding.locations[0].path.name == "interfaces"
    plan = mended(tree, choose=any_repairs)
    assert diff(plan, INTERFACES)[1][:2] == ["allow-hotplug eth0", "iface eth0 inet dhcp"]


def test_without_a_card_that_is_known_the_person_has_to_do_it() -> None:
    tree = networked({**KERNEL, **CLIENT, INTERFACES: LO}, manager="networking.service")
    assert [each.safety for each in only_finding(tree, "net-unconfigured").repairs] == [Safety.MANUAL]


def test_a_stanza_that_nothing_brings_up_gets_its_line() -> None:
    text = f"{LO}# the card\niface eth0 inet dhcp\n"
    tree = networked({**KERNEL, **CLIENT, INTERFACES: text}, manager="networking.service")
    plan = mended(tree)
    assert lines(plan.after.facts.tree, INTERFACES)[2:5] == [
        "# the card", "allow-hotplug eth0", "iface eth0 inet dhcp",
    ]  # fmt: skip


def test_a_manager_that_was_switched_off_before_another_took_over_is_started() -> None:
    files: dict[str, str | Entry | bytes | None] = {
        **KERNEL, **CLIENT, DHCPCD_STARTS: None, f"{LIB}/networking.service": UNIT,
        INTERFACES: f"{LO}auto eth0\niface eth0 inet dhcp\n",
    }  # fmt: skip
    plan = mended(server(files))
    assert changed_paths(plan) == [f"{WANTS}/networking.service"]
    # What is marked allow-hotplug comes up by udev, networking.service or not.
    hotplug = {
        INTERFACES: f"{LO}allow-hotplug eth0\niface eth0 inet dhcp\n",
        "/usr/lib/udev/rules.d/80-ifupdown.rules": "",
    }
    assert causes(server({**files, **hotplug})) == []


@pytest.mark.parametrize(
    "files",
    [
        {},
        networkd("Name=wg0"),
        networkd("Name=e*\nVirtualization=container"),
        networkd("Name=e*", "DHCP=yes\n[Link]\nUnmanaged=yes"),
        {"/etc/systemd/network/10-wired.network": ""},
        {NETPLAN: ""},
        {"/etc/netplan": directory()},
        {NETPLAN.replace("yaml", "yml"): "network:\n  ethernets:\n    eth0:\n      dhcp4: true\n"},
        {"/etc/cloud/cloud.cfg.d/99.cfg": "network: {config: disabled}\n", f"{LIB}/cloud-init.service": UNIT},
        {"/etc/rc.local": "#!/bin/sh\nip link set eth0 up\n"},  # not executable
    ],
)
def test_networkd_without_a_file_for_a_card_configures_nothing(files: dict[str, str | Entry]) -> None:
    tree = networked({**KERNEL, **files})
    assert only_finding(tree, "net-unconfigured").severity is Severity.BROKEN
    plan = mended(tree, choose=any_repairs)
    assert changed_paths(plan)[-1:] == ["/etc/systemd/network/50-dhcp.network"]


@pytest.mark.parametrize(
    "text",
    [
        "[keyfile]\nunmanaged-devices=*\n",
        "[keyfile]\nunmanaged-devices=type:ethernet\n",
        "[keyfile]\nunmanaged-devices=*,except:type:wifi,except:type:gsm\n",
        "[keyfile]\nunmanaged-devices=interface-name:en*;interface-name:eth*\n",
        "[device]\nmanaged=0\n",
        "[main]\nno-auto-default=*\n",
    ],
)
def test_networkmanager_that_leaves_every_card_alone_configures_nothing(text: str) -> None:
    tree = networked({**KERNEL, CONF: text}, manager="NetworkManager.service")
    finding = only_finding(tree, "net-unconfigured")
    assert finding.severity is Severity.BROKEN
    assert str(finding.locations[0]).startswith(CONF)


def test_networking_that_was_switched_off_with_nmcli() -> None:
    state = "/var/lib/NetworkManager/NetworkManager.state"
    assert found({state: "[main]\nNetworkingEnabled=false\n"}, "NetworkManager.service") == ["net-unconfigured"]


def test_a_card_that_ifupdown_names_is_none_of_networkmanagers() -> None:
    files: dict[str, str | Entry] = {
        **KERNEL, MAIN: "[main]\nplugins=ifupdown,keyfile\n[ifupdown]\nmanaged=false\n",
        INTERFACES: f"{LO}allow-hotplug eth0\niface eth0 inet dhcp\n",
    }  # fmt: skip
    manager = "NetworkManager.service"
    assert only_finding(networked(files, manager=manager), "net-unconfigured").severity is Severity.DOUBTFUL
    assert only_finding(networked(files, CAME_UP, manager=manager), "net-unconfigured").severity is Severity.BROKEN
    other = networked(files, ("eth1: Gained carrier", b"b" * 16), manager=manager)
    assert causes(other) == []
    taken = {**files, MAIN: "[main]\nplugins=ifupdown\n[ifupdown]\nmanaged=true\n"}
    assert causes(networked(taken, CAME_UP, manager=manager)) == []


def test_what_may_come_from_elsewhere_is_a_doubt() -> None:
    assert "has no kernel" in only_finding(networked({}), "net-unconfigured").reason
    cloud = {
        **KERNEL,
        "/etc/cloud/cloud.cfg": "",
        f"{LIB}/cloud-init.service": UNIT,
        "/var/lib/cloud/instance": directory(),
    }
    assert "cloud-init" in only_finding(networked(cloud), "net-unconfigured").reason


def test_what_starts_nothing_at_all_is_another_cause() -> None:
    target = {"/etc/systemd/system/default.target": symlink("/usr/lib/systemd/system/rescue.target")}
    rescue = {f"{LIB}/rescue.target": "[Unit]\nRequires=sysinit.target\n", f"{LIB}/sysinit.target": "[Unit]\n"}
    assert causes(server({**KERNEL, **target, **rescue})) == ["sshd-disabled"]


def test_where_nobody_was_meant_to_do_it_something_else_may() -> None:
    tree = server({**KERNEL, DHCPCD_STARTS: None, f"{LIB}/systemd-networkd.service": UNIT})
    finding = only_finding(tree, "net-unconfigured")
    assert (finding.severity, "rescue does not know" in finding.reason) == (Severity.DOUBTFUL, True)
    assert only_finding(server({**KERNEL, DHCPCD_STARTS: None}), "net-unconfigured").severity is Severity.DOUBTFUL
