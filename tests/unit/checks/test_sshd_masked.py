import pytest

from rescue.model import Safety, Symptom
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"
MASK = f"{ETC}/ssh.service"
WANTS = f"{ETC}/multi-user.target.wants/ssh.service"
SOCKET_WANTS = f"{ETC}/sockets.target.wants/ssh.socket"


@pytest.mark.parametrize("mask", [symlink("/dev/null"), file(""), symlink("/opt/gone.service")])
def test_a_mask_is_removed_and_nothing_else(mask: Entry) -> None:
    tree = server({MASK: mask})
    finding = only_finding(tree, "sshd-masked")
    assert finding.symptom is Symptom.REFUSED
    assert str(finding.locations[0]) == MASK
    assert changed_paths(mended(tree)) == [MASK]


def test_the_link_is_put_back_where_it_is_gone_too() -> None:
    tree = server({MASK: symlink("/dev/null"), WANTS: None, f"{ETC}/sshd.service": None})
    assert causes(tree) == ["sshd-masked"]
    assert changed_paths(mended(tree)) == [MASK, WANTS]


def test_a_masked_service_stops_the_socket_as_well() -> None:
    tree = server({MASK: symlink("/dev/null"), WANTS: None, SOCKET_WANTS: symlink("x")})
    only_finding(tree, "sshd-masked")
    assert changed_paths(mended(tree)) == [MASK]


def test_a_masked_socket_or_alias_does_not_matter_where_the_service_serves() -> None:
    assert causes(server({f"{ETC}/ssh.socket": symlink("/dev/null")})) == []
    assert causes(server({f"{ETC}/sshd.service": symlink("/dev/null")})) == []


def test_two_masks_one_over_the_other_both_go() -> None:
    control = "/etc/systemd/system.control/ssh.service"
    tree = server({MASK: symlink("/dev/null"), control: symlink("/dev/null")})
    assert set(changed_paths(mended(tree))) == {MASK, control}


def test_a_mask_with_nothing_behind_it_needs_the_package() -> None:
    tree = server({f"{LIB}/ssh.service": symlink("/dev/null")})
    finding = only_finding(tree, "sshd-masked")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_what_else_keeps_it_off_comes_to_light_and_is_mended_too() -> None:
    tree = server({MASK: symlink("/dev/null"), "/etc/ssh/sshd_not_to_be_run": ""})
    assert causes(tree) == ["sshd-masked"]
    assert set(changed_paths(mended(tree))) == {MASK, "/etc/ssh/sshd_not_to_be_run"}
