"""Nobody who gave --from is told to give it: where a login depends on a name, that is said."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from rescue.examine import examine
from rescue.model import Client
from rescue.tree import Entry, file
from tests.pam_files import SSHD, with_pam
from tests.trees import KEY, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

ONE, OTHER = ip_address("198.51.100.7"), ip_address("192.0.2.9")
NAME = "office.example.org"
Address = IPv4Address | IPv6Address
Changes = dict[str, Entry | str | bytes | None]


def own(text: str) -> Entry:
    return file(text, 0o600, 1000, 1000)


CASES: list[tuple[str, str, Changes]] = [
    ("alice", "key-from", {"/home/alice/.ssh/authorized_keys": own(f'from="{NAME}" {KEY}\n')}),
    ("alice", "sshd-allow-deny", {"/etc/ssh/sshd_config": f"{SSHD_CONFIG}AllowUsers alice@{NAME}\n"}),
    ("alice", "pam-access", {
        **with_pam(sshd=SSHD.replace("# account  required", "account  required")),
        "/etc/security/access.conf": f"+:alice:{NAME}\n-:ALL:ALL\n",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("user", "check", "changes"), CASES)
@pytest.mark.parametrize("sources", [(), (ONE,), (ONE, OTHER)])
def test_what_is_to_be_done(user: str, check: str, changes: Changes, sources: tuple[Address, ...]) -> None:
    client = Client(user=user, sources=sources)
    found = [each for each in examine(server(changes), client).findings if each.check == check]
    assert len(found) == 1
    said = f"{found[0].reason} {found[0].repairs[0].title}"
    if found[0].repairs[0].edit is None:
        assert ("give the address that you log in from" in said) is (not sources)
        assert not sources or "is not known" not in said or "name" in said
