import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.tree import Entry
from tests.checking import causes, diff, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

PATH = "/etc/systemd/system/ssh.service.d/override.conf"
START = "ExecStart=/usr/sbin/sshd -D -o LogLevel=VERBOSE"


def dropin(*lines: str) -> dict[str, Entry | str | bytes | None]:
    return {PATH: "".join(f"{line}\n" for line in ("[Service]", *lines))}


@pytest.mark.parametrize(
    "lines",
    [
        ("ExecStart=", START),
        ("Type=oneshot", START),
        ("EnvironmentFile=-/etc/not/there",),
        ("EnvironmentFile=/etc/hostname",),
        ("Restart=always",),
    ],
)
def test_what_systemd_takes_is_no_finding(lines: tuple[str, ...]) -> None:
    assert causes(server(dropin(*lines))) == []


def test_a_second_command_takes_the_place_of_the_first() -> None:
    tree = server(dropin("# more in the log", START))
    finding = only_finding(tree, "sshd-dropin-broken")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    assert diff(mended(tree), PATH) == ([], ["ExecStart="])


def test_a_command_that_was_only_taken_back_comes_back() -> None:
    assert diff(mended(server(dropin("ExecStart="))), PATH) == (["ExecStart="], ["#ExecStart="])


def test_a_file_that_is_missing_may_be_missing() -> None:
    plan = mended(server(dropin("EnvironmentFile=/etc/default/sshd-own")))
    assert diff(plan, PATH)[1] == ["EnvironmentFile=-/etc/default/sshd-own"]


def test_a_program_that_is_missing_is_a_persons_affair() -> None:
    finding = only_finding(server(dropin("ExecStart=", "ExecStart=/opt/sshd -D")), "sshd-dropin-broken")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def unit_part(*lines: str) -> dict[str, Entry | str | bytes | None]:
    return {PATH: "".join(f"{line}\n" for line in ("[Unit]", *lines))}


def test_a_unit_that_does_not_exist_is_not_waited_for() -> None:
    tree = server(unit_part("Requires=vpn.service"))
    assert "vpn.service, which does not exist" in only_finding(tree, "sshd-dropin-broken").message
    assert diff(mended(tree), PATH) == (["Requires=vpn.service"], ["#Requires=vpn.service"])


def test_of_several_the_missing_one_is_taken_out() -> None:
    tree = server(unit_part("Requires=ufw.service vpn.service"))
    assert diff(mended(tree), PATH) == (["Requires=ufw.service vpn.service"], ["Requires=ufw.service "])


@pytest.mark.parametrize(
    "line", ["Requires=ufw.service", "Wants=vpn.service", "After=vpn.service", "Requires=x-y.mount"]
)
def test_what_is_there_or_only_wished_for_is_no_finding(line: str) -> None:
    assert causes(server(unit_part(line))) == []


@pytest.mark.parametrize("line", ["ExecStartPre=/opt/gone", "PrivateNetwork=yes", "User=alice"])
def test_what_shuts_the_service_in_is_commented_out(line: str) -> None:
    tree = server(dropin(line))
    only_finding(tree, "sshd-dropin-broken")
    assert diff(mended(tree), PATH) == ([line], [f"#{line}"])


@pytest.mark.parametrize(
    "line", ["ExecStartPre=-/opt/gone", "ExecStartPre=/usr/bin/bash -c true", "PrivateNetwork=no", "User=root"]
)
def test_what_does_no_harm_stays(line: str) -> None:
    assert causes(server(dropin(line))) == []
