from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, Tree, symlink
from tests.checking import causes, only_finding
from tests.networks import CAME_UP, NEW, networkd, networked

pytestmark = pytest.mark.unit

UNIT = "/usr/lib/systemd/system/nftables.service"
ME = Client(sources=(ip_address("203.0.113.5"),))


def ruled(rule: str, match: str = "Name=eth0", *said: tuple[str, bytes], **more: Entry | str) -> Tree:
    """A server whose firewall lets in by one rule alone, and whose network settings are for one interface."""
    script = (
        "flush ruleset\ntable inet filter {\n\tchain input {\n"
        "\t\ttype filter hook input priority filter; policy drop;\n"
        "\t\tct state established,related accept\n\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
        f"\t\t{rule}\n\t}}\n}}\n"
    )
    files: dict[str, Entry | str | None] = {
        "/etc/systemd/system/multi-user.target.wants/ufw.service": None,
        "/etc/systemd/system/sysinit.target.wants/nftables.service": symlink(UNIT),
        UNIT: "[Service]\nType=oneshot\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\n"
        "[Install]\nWantedBy=sysinit.target\n",
        "/etc/nftables.conf": script,
        **networkd(match),
        **more,
    }
    return networked(files, *said)


@pytest.mark.parametrize("client", [Client(), ME])
def test_a_rule_for_an_interface_that_no_settings_are_for_is_a_doubt(client: Client) -> None:
    finding = only_finding(ruled('iifname "ens3" tcp dport 22 accept'), "fw-interface", client)
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.TIMED_OUT)
    assert "ens3" in finding.message
    assert "eth0" in finding.message
    assert str(finding.locations[0]) == "/etc/nftables.conf:7"
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]
    assert finding.reason


@pytest.mark.parametrize(
    "match", ["Name=ens3", "Name=e*", "Name=eth0 ens3", "MACAddress=52:54:00:00:00:01", "Name=!lo"]
)
def test_an_interface_that_settings_are_or_may_be_for_is_none(match: str) -> None:
    assert causes(ruled('iifname "ens3" tcp dport 22 accept', match)) == []


def test_settings_for_a_tunnel_tell_nothing_of_cards() -> None:
    assert "fw-interface" not in causes(ruled('iifname "ens3" tcp dport 22 accept', "Name=wg0"))


def test_one_that_the_journal_tells_of_is_none() -> None:
    tree = ruled('iifname "ens3" tcp dport 22 accept', "Name=eth0", CAME_UP, ("ens3: Gained carrier", NEW))
    assert "fw-interface" not in causes(tree)


def test_one_that_a_link_file_gives_its_name_is_none() -> None:
    link = {"/etc/systemd/network/10-a.link": "[Match]\nMACAddress=52:54:00:00:00:01\n[Link]\nName=ens3\n"}
    assert causes(ruled('iifname "ens3" tcp dport 22 accept', **link)) == []


@pytest.mark.parametrize(
    "rule",
    ["tcp dport 22 accept", 'iifname { "ens3", "eth0" } tcp dport 22 accept', 'iifname != "ens3" accept',
     'iifname "ens3" tcp dport 80 accept\n\t\ttcp dport 22 accept'],
)  # fmt: skip
def test_where_the_door_is_open_on_the_other_one_too_nothing_is_said(rule: str) -> None:
    assert "fw-interface" not in causes(ruled(rule))
