"""A port that SELinux keeps from the SSH server."""

from __future__ import annotations

import pytest

from rescue.model import Client
from rescue.tree import Entry
from tests.checking import causes, diff, mended, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
LOCAL = "/var/lib/selinux/targeted/active/ports.local"

Changes = dict[str, Entry | str | bytes | None]


def enforcing(port: int, **more: str) -> Changes:
    return {
        "/etc/selinux/config": "# SELINUX= can take one of these\nSELINUX=enforcing\nSELINUXTYPE=targeted\n",
        "/etc/selinux/targeted/policy/policy.33": "x",
        "/.autorelabel": "",
        MAIN: f"{SSHD_CONFIG}Port {port}\n",
        **more,
    }


def test_a_port_without_the_label_is_left_for_22() -> None:
    tree = server(enforcing(2222))
    only_finding(tree, "selinux-port", Client(port=2222))
    plan = mended(tree)
    assert diff(plan, MAIN) == ([], ["Port 22"])


def test_a_label_of_ones_own_is_enough() -> None:
    line = "portcon tcp 2200-2300 system_u:object_r:ssh_port_t:s0\n"
    assert causes(server(enforcing(2222, **{LOCAL: line})), Client(port=2222)) == []
    other = line.replace("ssh_port_t", "http_port_t")
    assert causes(server(enforcing(2222, **{LOCAL: other})), Client(port=2222)) == ["selinux-port"]


@pytest.mark.parametrize("port", [5901, 6000, 5984])
def test_ports_of_vnc_and_x11_are_free(port: int) -> None:
    found = ["selinux-port"] if port == 5984 else []
    assert causes(server(enforcing(port)), Client(port=port)) == found


def test_selinux_that_only_warns_keeps_nothing_out() -> None:
    config = {"/etc/selinux/config": "SELINUX=permissive\nSELINUXTYPE=targeted\n"}
    assert causes(server(enforcing(2222, **config)), Client(port=2222)) == []
