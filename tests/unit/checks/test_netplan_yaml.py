from pathlib import PurePosixPath

import pytest

from rescue.checks.netplan_yaml import without_tabs
from rescue.model import Safety, Severity, Symptom
from rescue.network.netplan import plan
from rescue.tree import Entry, Tree, symlink
from tests.checking import causes, diff, mended, only_finding
from tests.networks import LIB, UNIT, WANTS, networkd, networked
from tests.trees import DPKG_STATUS

pytestmark = pytest.mark.unit

PATH = "/etc/netplan/01-netcfg.yaml"
GOOD = """\
network:
  version: 2
  renderer: networkd
  ethernets:
    eth0:
      dhcp4: false
      addresses:
        - 192.0.2.2/24
      gateway4: 192.0.2.1
"""


ON_LINK = "routes: [{to: default, via: 192.0.2.1, on-link: true}]"
STATUS = DPKG_STATUS + "\nPackage: netplan.io\nStatus: install ok installed\nVersion: {}\n"


def planned(text: str, extra: dict[str, str | Entry] | None = None) -> Tree:
    return networked({PATH: text, "/var/lib/dpkg/status": STATUS.format("0.106-2+deb12u1"), **(extra or {})})


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("version: 2", "version: 2\t"),
        GOOD + "\n# a comment\n---\nwhat: follows\n",
        "network: {ethernets: {eth0: {dhcp4: yes}}}\n",
        GOOD.replace("false", "'off'"),
        GOOD.replace("2/24", "2/32").replace("gateway4: 192.0.2.1", ON_LINK),
        GOOD + "  bridges:\n    br0: {interfaces: [eth0]}\n",
        GOOD + "  vlans:\n    v1: {id: 1, link: eth0}\n",
        GOOD.replace("eth0:", "lan:\n      match: {macaddress: '52:54:00:00:00:01'}\n      set-name: lan0"),
    ],
)
def test_what_netplan_takes_is_no_fault(text: str) -> None:
    assert causes(planned(text)) == []


BAD = [
    (GOOD.replace("      gateway4", "\tgateway4"), 9),
    (GOOD.replace("    eth0:", "   eth0:\n    eth1:"), 6),
    (GOOD.replace("gateway4: ", "gateway4:"), 9),
    (GOOD.replace("192.0.2.2/24", "192.0.2.2"), 8),
    (GOOD.replace("192.0.2.2/24", "192.0.2.300/24"), 8),
    (GOOD.replace("192.0.2.2/24", "192.0.2.2/33"), 8),
    (GOOD.replace("gateway4", "gatway4"), 9),
    (GOOD.replace("gateway4: 192.0.2.1", "gateway4: 192.0.2.999"), 9),
    (GOOD.replace("dhcp4: false", "dhcp4: nein"), 6),
    (GOOD.replace("renderer: networkd", "renderer: network"), 3),
    (GOOD.replace("version: 2", "version: 3"), 2),
    (GOOD.replace("  ethernets", "  ethernet"), 4),
    (GOOD.replace("network:", "networks:"), 1),
    (GOOD + "  bridges:\n    br0: {interfaces: [eth1]}\n", 11),
    (GOOD + "  vlans:\n    v1: {link: eth0}\n", 11),
    (GOOD + "      nameservers: {addresses: [one]}\n", 10),
    (GOOD + "      mtu: big\n", 10),
    (GOOD + "      set-name: lan0\n", 5),
    ("network:\n", 1),
    (GOOD + "      nameservers: {addresses: [192.0.2.53}\n", 10),
]
"""Netplan 0.106 took none of them."""


@pytest.mark.parametrize(("text", "line"), BAD)
def test_a_file_that_netplan_does_not_take_is_void(text: str, line: int) -> None:
    finding = only_finding(planned(text), "netplan-yaml")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert str(finding.locations[0]) == f"{PATH}:{line}"


def test_a_tab_becomes_blanks_where_one_indentation_makes_sense() -> None:
    plan = mended(planned(BAD[0][0]))
    assert diff(plan, PATH) == (["\tgateway4: 192.0.2.1"], ["      gateway4: 192.0.2.1"])


def test_of_several_tabs_each_is_as_wide_as_the_others() -> None:
    text = GOOD.replace("  ", "\t")
    assert without_tabs(PurePosixPath(PATH), text.split("\n")) is not None
    # Where two indentations make sense, and not the same one, a person has to say.
    two = "network:\n  ethernets:\n    eth0:\n      nameservers:\n        addresses: [192.0.2.53]\n\toptional: true\n"
    either = two.replace("\toptional: true", "\tmtu: 1400")
    assert without_tabs(PurePosixPath(PATH), either.split("\n")) is not None
    vague = (
        "network:\n  ethernets:\n    eth0:\n      routes:\n      - to: default\n        via: 192.0.2.1\n\tmtu: 1400\n"
    )
    assert without_tabs(PurePosixPath(PATH), vague.split("\n")) is None
    assert [each.safety for each in only_finding(planned(vague), "netplan-yaml").repairs] == [Safety.MANUAL]


def test_one_void_file_takes_the_good_ones_with_it_up_to_1_0() -> None:
    other = {"/etc/netplan/02-more.yaml": GOOD}

    def judged(version: str) -> Severity:
        files: dict[str, str | Entry] = {**other, "/var/lib/dpkg/status": STATUS.format(version)}
        return only_finding(planned(BAD[0][0], files), "netplan-yaml").severity

    assert judged("0.106-2+deb12u1") is Severity.BROKEN
    assert judged("1.0.1-1") is Severity.BROKEN
    assert judged("1.1.2-2") is Severity.DOUBTFUL


def test_a_card_that_another_program_configures_makes_it_a_doubt() -> None:
    interfaces: dict[str, str | Entry] = {
        "/etc/network/interfaces": "auto eth0\niface eth0 inet static\n  address 192.0.2.2/24\n",
        f"{LIB}/networking.service": UNIT, f"{WANTS}/networking.service": symlink("x"),
    }  # fmt: skip
    assert only_finding(planned(BAD[0][0], interfaces), "netplan-yaml").severity is Severity.DOUBTFUL


def test_without_its_generator_nothing_reads_the_files() -> None:
    files = {**networkd("Name=e*"), "/usr/lib/systemd/system-generators/netplan": symlink("/gone")}
    assert causes(planned(BAD[0][0], files)) == []


def test_an_address_that_is_named_by_an_anchor_costs_no_more_than_one() -> None:
    levels = "\n".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))
    judged = plan(PurePosixPath(PATH), f"network:\n  a0: &a0 [x]\n{levels}\n")
    assert judged.problem is not None


@pytest.mark.parametrize("text", ["[" * 5000, "- " * 5000, "? " * 5000, "\n".join(" " * n + "a:" for n in range(300))])
def test_what_is_too_deep_is_not_read(text: str) -> None:
    assert plan(PurePosixPath(PATH), text).unread
