from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.firewalld import OWN, PUBLIC, SSH, VERSION, with_firewalld, zone

pytestmark = pytest.mark.unit

ME = Client(sources=(ip_address("203.0.113.5"),))
MOVED = {"/etc/ssh/sshd_config": "Port 2222\nUsePAM yes\n"}
PORT = '<port port="2222" protocol="tcp"/>'


def test_a_service_that_does_not_exist_is_taken_out() -> None:
    tree = with_firewalld({**MOVED, PUBLIC: zone(SSH, PORT, '<service name="apache2"/>')})
    finding = only_finding(tree, "firewalld-config-error", ME)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert str(finding.locations[0]) == f"{PUBLIC}:6"
    assert diff(mended(tree, ME), PUBLIC) == (['  <service name="apache2"/>'], [])


def test_an_element_that_is_not_closed_is_closed() -> None:
    tree = with_firewalld({**MOVED, PUBLIC: zone(SSH, PORT.replace("/>", ">"), "<forward/>")})
    only_finding(tree, "firewalld-config-error")
    assert diff(mended(tree), PUBLIC) == ([f"  {PORT.replace('/>', '>')}"], [f"  {PORT}"])


@pytest.mark.parametrize("end", ["", "\n"])
def test_of_a_zone_on_one_line_its_end_stays(end: str) -> None:
    """An element without content right before its parent's end tag was taken for one that ends there."""
    line = f'<zone>{PORT}<service name="none"/></zone>'
    plan = mended(with_firewalld({**MOVED, PUBLIC: line + end}))
    assert plan.after.facts.tree.text(PUBLIC) == f"<zone>{PORT}</zone>{end}"


def test_the_mistake_may_be_anywhere() -> None:
    other = f"{OWN}/zones/shop.xml"
    tree = with_firewalld({**MOVED, PUBLIC: zone(PORT), other: zone('<port port="99999" protocol="tcp"/>')})
    assert changed_paths(mended(tree)) == [other]


def test_an_interface_in_two_zones_stays_in_one() -> None:
    card = '<interface name="eth0"/>'
    other = f"{OWN}/zones/shop.xml"
    tree = with_firewalld({**MOVED, PUBLIC: zone(PORT, card), other: zone(card, PORT)})
    assert causes(tree) == ["firewalld-config-error"]
    assert len(changed_paths(mended(tree))) == 1


def test_several_mistakes_are_mended_one_by_one() -> None:
    lines = [PORT, '<service name="a"/>', '<port port="x" protocol="tcp"/>', '<nonsense at="all"/>']
    assert diff(mended(with_firewalld({**MOVED, PUBLIC: zone(*lines)})), PUBLIC) == (
        [f"  {line}" for line in lines[1:]],
        [],
    )


@pytest.mark.parametrize("junk", ["", "<zone>\n  <short>x\n</zone>\n", "\0\1\2 no XML", "<zone><rule></zone>"])
def test_what_takes_a_person_is_left_alone(junk: str) -> None:
    finding = only_finding(with_firewalld({**MOVED, PUBLIC: junk}), "firewalld-config-error")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_where_the_installed_files_let_ssh_in_nobody_is_kept_out() -> None:
    assert causes(with_firewalld({PUBLIC: "<zone>"})) == []


@pytest.mark.parametrize("version", ["VERSION = '0.9.3'\n", "VERSION = '1.1.1'\n", ""])
def test_what_an_older_or_unknown_version_does_is_not_known(version: str) -> None:
    tree = with_firewalld({**MOVED, PUBLIC: zone(PORT, '<service name="apache2"/>'), VERSION: version or None})
    finding = only_finding(tree, "firewalld-no-ssh")
    assert finding.severity is Severity.DOUBTFUL
    assert "invalid configuration" in finding.reason
