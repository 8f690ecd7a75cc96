import pytest

from rescue.model import Client, Safety, Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.networks import CAME_UP, NEW, OLD, WIRED, networkd, networked

pytestmark = pytest.mark.unit

BOUND = networkd("MACAddress=52:54:00:6B:3C:58")
BEFORE = ("eth0: Gained carrier", OLD)
DHCLIENT = "Listening on LPF/eth0/52:54:00:aa:bb:cc"


def test_a_card_that_came_up_in_the_last_boot_is_no_fault() -> None:
    assert causes(networked(BOUND, BEFORE, CAME_UP)) == []
    assert causes(networked(BOUND)) == []
    assert causes(networked(networkd("MACAddress=52:54:00:6b:3c:58 52:54:00:aa:bb:cc"), (DHCLIENT, OLD))) == []


def test_settings_for_another_card_are_made_for_every_wired_one() -> None:
    tree = networked(BOUND, BEFORE)
    finding = only_finding(tree, "mac-mismatch-clone")
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.UNREACHABLE)
    assert finding.subject == "52:54:00:6b:3c:58"
    assert str(finding.locations[0]) == f"{WIRED}:2"
    plan = mended_if_agreed(tree)
    assert changed_paths(plan) == [WIRED]
    assert diff(plan, WIRED) == (["MACAddress=52:54:00:6B:3C:58"], ["Name=en* eth*"])


def test_a_card_that_is_there_and_was_not_switched_on_is_the_clones_own() -> None:
    renamed = ("virtio_net virtio0 ens3: renamed from eth0", NEW)
    assert causes(networked(BOUND, BEFORE, renamed)) == ["mac-mismatch-clone"]


def test_a_file_that_takes_every_card_is_enough() -> None:
    files = {**BOUND, "/etc/systemd/network/90-all.network": "[Match]\nName=e*\n"}
    assert causes(networked(files, BEFORE)) == []


def test_netplan_is_left_to_the_person() -> None:
    path = "/etc/netplan/50-cloud-init.yaml"
    text = (
        "network:\n  version: 2\n  ethernets:\n    eth0:\n      match:\n        macaddress: '52:54:00:6b:3c:58'\n"
        "      set-name: eth0\n"
    )
    finding = only_finding(networked({path: text}, BEFORE), "mac-mismatch-clone")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]
    assert str(finding.locations[0]) == f"{path}:6"


MINE = Client(macs=("52-54-00-AA-BB-CC",))


def test_an_expected_address_needs_no_log() -> None:
    finding = only_finding(networked(BOUND), "mac-mismatch-clone", MINE)
    assert finding.severity is Severity.BROKEN
    assert "you expect 52:54:00:aa:bb:cc" in finding.message
    plan = mended(networked(BOUND), MINE)
    assert diff(plan, WIRED) == (["MACAddress=52:54:00:6B:3C:58"], ["MACAddress=52:54:00:aa:bb:cc"])


def test_an_expected_address_is_put_into_netplan() -> None:
    path = "/etc/netplan/50-cloud-init.yaml"
    text = (
        "network:\n  version: 2\n  ethernets:\n    eth0:\n      match:\n        macaddress: '52:54:00:6b:3c:58'\n"
        "      set-name: eth0\n      dhcp4: true\n"
    )
    plan = mended(networked({path: text}), MINE)
    assert diff(plan, path)[1] == ["        macaddress: '52:54:00:aa:bb:cc'"]


def test_several_addresses_are_for_the_person_to_choose() -> None:
    two = Client(macs=("52:54:00:aa:bb:cc", "52:54:00:aa:bb:cd"))
    finding = only_finding(
        networked(networkd("MACAddress=52:54:00:6b:3c:58 52:54:00:6b:3c:59")), "mac-mismatch-clone", two
    )
    assert [each.safety for each in finding.repairs] == [Safety.SAFE]


@pytest.mark.parametrize(
    "match",
    [
        "MACAddress=52:54:00:aa:bb:cc", "MACAddress=52:54:00:6b:3c:58 52-54-00-AA-BB-CC", "Name=e*", "Name=eth0",
        "MACAddress=52:54:00", "MACAddress=[[:(", "Driver=virtio_net",
    ],
)  # fmt: skip
def test_an_expected_address_that_is_served(match: str) -> None:
    assert causes(networked(networkd(match)), MINE) == []
    # What the logs hint at is settled by the expected address.
    if "cc" in match.lower():
        assert causes(networked(networkd(match), BEFORE), MINE) == []


def test_an_expected_address_beside_a_file_for_every_interface() -> None:
    files = {**BOUND, "/etc/systemd/network/90-all.network": "[Match]\nName=e*\n"}
    assert causes(networked(files), MINE) == []
