"""What a machine is told of its network."""

import socket

import pytest

from rescue.labs.machines.network import UserNetwork

pytestmark = pytest.mark.unit


def test_qemus_own_network_leads_from_a_free_port_to_ssh() -> None:
    network = UserNetwork()
    assert network.arguments() == ["-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{network.port}-:22"]
    with socket.socket() as probe:
        probe.bind((network.host, network.port))


def test_a_machine_in_qemus_own_network_asks_for_its_address() -> None:
    assert UserNetwork().kernel_words() == []


def test_qemus_own_network_has_no_ipv6() -> None:
    assert UserNetwork().host6 == ""
