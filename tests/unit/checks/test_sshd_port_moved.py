from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.checks import sshd_port_moved
from rescue.facts import Facts
from rescue.model import Client, Safety
from rescue.tree import file, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/50-mine.conf"
CHECK = "sshd-port-moved"
SOCKET_ON = {"/etc/systemd/system/sockets.target.wants/ssh.socket": symlink("/lib/systemd/system/ssh.socket")}
STREAM = "/etc/systemd/system/ssh.socket.d/port.conf"
RESCUE = "/etc/systemd/system/ssh.socket.d/rescue.conf"


def served(plan_tree: Facts) -> tuple[int, ...]:
    return plan_tree.listening_ports


def test_a_healthy_server_has_no_finding() -> None:
    assert list(sshd_port_moved.find(Facts(server()))) == []


def test_the_dialled_port_is_added_behind_the_line_that_decides() -> None:
    tree = server({DROP_IN: "# moved\nPort 2222\nX11Forwarding no\n"})
    finding = only_finding(tree, CHECK)
    assert str(finding.locations[0]) == f"{DROP_IN}:2"
    assert [repair.safety for repair in finding.repairs] == [Safety.SAFE, Safety.MANUAL]
    plan = mended(tree)
    assert plan.after.facts.tree.text(DROP_IN) == "# moved\nPort 2222\nPort 22\nX11Forwarding no\n"
    assert served(plan.after.facts) == (22, 2222)


def test_a_client_that_dials_the_new_port_is_served() -> None:
    assert causes(server({DROP_IN: "Port 2222\n"}), Client(port=2222)) == []


def test_the_default_port_is_written_down_before_another_is_added() -> None:
    plan = mended(server(), Client(port=2222))
    assert diff(plan, MAIN) == ([], ["Port 22", "Port 2222"])
    assert served(plan.after.facts) == (22, 2222)


def test_the_last_port_line_counts_as_the_place() -> None:
    plan = mended(server({MAIN: SSHD_CONFIG + "Port 2222\nPort 2223\nMatch User bob\nX11Forwarding no\n"}))
    assert diff(plan, MAIN) == ([], ["Port 22"])
    assert served(plan.after.facts) == (22, 2222, 2223)


def test_an_address_with_a_port_gets_a_brother() -> None:
    plan = mended(server({DROP_IN: "ListenAddress 0.0.0.0:2222\nListenAddress [::]:2222\n"}))
    assert diff(plan, DROP_IN) == ([], ["ListenAddress 0.0.0.0:22", "ListenAddress [::]:22"])


def test_each_address_gets_one_brother() -> None:
    plan = mended(server({DROP_IN: "ListenAddress 0.0.0.0:2222\nListenAddress 0.0.0.0:2223\n"}))
    assert diff(plan, DROP_IN) == ([], ["ListenAddress 0.0.0.0:22"])


def test_a_port_on_the_command_line_gets_a_brother() -> None:
    tree = server({"/etc/default/ssh": "# options\nSSHD_OPTS='-4 -p 2222'\n"})
    plan = mended(tree)
    assert diff(plan, "/etc/default/ssh") == (["SSHD_OPTS='-4 -p 2222'"], ["SSHD_OPTS='-4 -p 2222 -p 22'"])


def test_a_port_in_the_shipped_unit_is_for_a_person() -> None:
    unit = "[Service]\nExecStart=/usr/sbin/sshd -D -p 2222\n"
    finding = only_finding(server({"/usr/lib/systemd/system/ssh.service": unit}), CHECK)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL, Safety.MANUAL]


def test_a_started_socket_gets_a_drop_in_and_the_configuration_is_left_alone() -> None:
    tree = server({**SOCKET_ON, STREAM: "[Socket]\nListenStream=\nListenStream=2222\n"})
    finding = only_finding(tree, CHECK)
    assert str(finding.locations[0]) == f"{STREAM}:3"
    plan = mended(tree)
    assert changed_paths(plan) == [RESCUE]
    assert plan.after.facts.tree.text(RESCUE) == "[Socket]\nListenStream=22\n"
    assert served(plan.after.facts) == (22, 2222)


def test_a_port_line_without_effect_under_a_socket_is_found_out() -> None:
    tree = server({**SOCKET_ON, DROP_IN: "Port 2222\n"})
    assert causes(tree) == []
    assert changed_paths(mended(tree, Client(port=2222)))[-1] == RESCUE


def test_ubuntus_generator_takes_the_port_from_the_configuration() -> None:
    generator = {"/usr/lib/systemd/system-generators/sshd-socket-generator": file("ELF", 0o755)}
    plan = mended(server({**SOCKET_ON, **generator, DROP_IN: "Port 2222\n"}))
    assert changed_paths(plan) == [DROP_IN]
    assert served(plan.after.facts) == (22, 2222)


def test_a_configuration_that_stops_sshd_says_nothing_about_ports() -> None:
    assert causes(server({DROP_IN: "Port 2222\nFoo bar\n"})) == ["sshd-config-error"]


def test_a_server_that_is_not_started_says_nothing_about_ports() -> None:
    off = {"/etc/systemd/system/multi-user.target.wants/ssh.service": None, DROP_IN: "Port 2222\n"}
    assert causes(server(off)) == ["sshd-disabled"]


def test_the_clients_address_makes_no_difference() -> None:
    client = Client(sources=(ip_address("203.0.113.7"),))
    assert causes(server({DROP_IN: "Port 2222\n"}), client) == [CHECK]
