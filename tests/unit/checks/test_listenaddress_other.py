"""sshd on another address of the server than the client's."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity
from rescue.tree import Tree
from tests.checking import causes, diff, mended, mended_if_agreed, only_finding
from tests.judging import ME, gaps
from tests.trees import server

pytestmark = pytest.mark.unit

PATH = "/etc/ssh/sshd_config.d/10-own.conf"
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.5"
INTERFACES = (
    f"auto eth0\niface eth0 inet static\n address {PUBLIC}/24\n gateway 93.184.216.1\n"
    f"auto eth1\niface eth1 inet static\n address {PRIVATE}/24\n"
)


def listening(lines: str, **more: str) -> Tree:
    return server({PATH: lines, "/etc/network/interfaces": INTERFACES, **more})


def client(expected: str = "", source: str = "") -> Client:
    return Client(
        user="alice",
        key=ME.key,
        sources=(ip_address(source),) if source else (),
        expected=(ip_address(expected),) if expected else (),
    )


@pytest.mark.parametrize(
    ("lines", "who", "severity"),
    [
        (f"ListenAddress {PRIVATE}\n", client(), Severity.DOUBTFUL),
        (f"ListenAddress {PRIVATE}\n", client(source="198.51.100.7"), None),
        (f"ListenAddress {PRIVATE}\n", client(source="8.8.8.8"), Severity.DOUBTFUL),
        (f"ListenAddress {PRIVATE}\n", client(PUBLIC), Severity.BROKEN),
        (f"ListenAddress {PUBLIC}\n", client(PRIVATE), Severity.BROKEN),
        (f"ListenAddress {PRIVATE}\n", client(PRIVATE), None),
        (f"ListenAddress {PRIVATE}\n", client(source="10.0.0.9"), None),
        (f"ListenAddress {PUBLIC}\n", client(), None),
        (f"ListenAddress {PUBLIC}\nListenAddress {PRIVATE}\n", client(), None),
        ("Port 22\n", client(PUBLIC), None),
    ],
)
def test_the_address_that_you_connect_to(lines: str, who: Client, severity: Severity | None) -> None:
    tree = listening(lines)
    found = [each for each in causes(tree, who) if each.startswith("listen")]
    assert found == ([] if severity is None else ["listenaddress-other"])
    if severity is not None:
        assert only_finding(tree, "listenaddress-other", who).severity is severity
        line = lines.rstrip("\n")
        plan = mended(tree, who) if severity is Severity.BROKEN else mended_if_agreed(tree, who)
        assert diff(plan, PATH) == ([line], [f"#{line}"])


@pytest.mark.parametrize(
    ("lines", "more", "who", "gap"),
    [
        # One for which another server steps aside: nobody knows from the disk who has it.
        ("ListenAddress 198.51.100.23\n", {"/etc/sysctl.d/9.conf": "net.ipv4.ip_nonlocal_bind=1\n"}, client(), True),
        (
            "ListenAddress 198.51.100.23\n",
            {"/etc/sysctl.d/9.conf": "net.ipv4.ip_nonlocal_bind=1\n"},
            client("198.51.100.23"),
            False,
        ),
        (f"ListenAddress {PUBLIC}\n", {}, client(), True),
        (f"ListenAddress {PUBLIC}\n", {}, client(PUBLIC), False),
        (f"ListenAddress {PUBLIC}\nListenAddress {PRIVATE}\n", {}, client(), False),
        ("Port 22\n", {}, client(), False),
    ],
)
def test_what_a_disk_does_not_tell(lines: str, more: dict[str, str], who: Client, gap: bool) -> None:
    assert ("listen-address" in {each.check for each in gaps(listening(lines, **more), who)}) is gap
