import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.plan import any_repairs
from rescue.tree import Entry, Tree, directory
from tests.checking import causes, diff, mended, only_finding
from tests.networks import networked

pytestmark = pytest.mark.unit

PATH = "/etc/network/interfaces"
LO = "auto lo\niface lo inet loopback\n"
CARD = "auto eth0\niface eth0 inet static\n  address 192.0.2.2/24\n  gateway 192.0.2.1\n"


def server(text: str, **more: str) -> Tree:
    return networked({PATH: text, **more}, manager="networking.service")


@pytest.mark.parametrize(
    "text",
    [
        LO + CARD,
        (LO + CARD).replace("\n", "\r\n"),
        LO + CARD + "  gatway 192.0.2.9\n",
        LO + CARD.replace("static", "static more"),
        LO + CARD + "iface eth1 inet dhcp inherits eth0\niface x can static\niface y inet6 auto\n",
        LO + CARD + "mapping eth1\n  script /usr/local/sbin/which\n  map a b\n",
        LO + CARD + "source /gone/*\nallow-hotplug\n",
        LO + CARD + "  up ip route add 198.51.100.0/24 \\\n    via 192.0.2.9\n",
    ],
)
def test_what_ifupdown_reads_is_no_fault(text: str) -> None:
    assert causes(server(text)) == []


WRONG = [
    (LO + CARD.replace("static", "statc"), 4),
    (LO + CARD.replace("inet ", "inet4 "), 4),
    (LO + CARD.replace(" inet static", ""), 4),
    (LO + CARD.replace(" static", ""), 4),
    (LO + CARD.replace("iface", "Iface"), 4),
    ("address 192.0.2.2\n" + LO + CARD, 1),
    (LO + CARD + "auto eth1\nmtu 1400\n", 8),
    (LO + CARD + "  mtu\n", 7),
    (LO + CARD + "mapping eth1\n  foo bar\n", 8),
]
"""The real ifquery (0.8.41) reads none of these."""


@pytest.mark.parametrize(("text", "line"), WRONG)
def test_one_wrong_line_makes_all_void(text: str, line: int) -> None:
    finding = only_finding(server(text), "ifupdown-broken")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert str(finding.locations[0]) == f"{PATH}:{line}"


def test_a_line_in_the_wrong_place_is_commented_out() -> None:
    tree = server(LO + CARD + "auto eth1\nmtu 1400\n")
    assert [each.safety for each in only_finding(tree, "ifupdown-broken").repairs] == [Safety.UNSAFE, Safety.MANUAL]
    assert diff(mended(tree, choose=any_repairs), PATH) == (["mtu 1400"], ["#mtu 1400"])


def test_a_file_that_is_sourced_takes_nothing_else_with_it() -> None:
    text = LO + CARD + "source /etc/network/interfaces.d/*\n"
    tree = networked({PATH: text, "/etc/network/interfaces.d/more": "foo\n"}, manager="networking.service")
    assert causes(tree) == []


def test_ifupdown2_leaves_out_what_it_does_not_understand() -> None:
    files: dict[str, Entry | str] = {PATH: LO + CARD + "auto eth1\nmtu 1400\n", "/usr/share/ifupdown2": directory()}
    assert causes(networked(files, manager="networking.service")) == []
