"""No primes for the only key exchange."""

from __future__ import annotations

import pytest

from rescue.tree import Entry
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import DPKG_STATUS, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN, MODULI = "/etc/ssh/sshd_config", "/etc/ssh/moduli"
ALONE = SSHD_CONFIG + "KexAlgorithms diffie-hellman-group-exchange-sha256\n"
NEW: dict[str, Entry | str | bytes | None] = {
    "/var/lib/dpkg/status": DPKG_STATUS.replace("1:9.2p1-2+deb12u6", "1:10.0p1-7"),
    MODULI: "# filtered\n",
    MAIN: ALONE,
}


def test_the_empty_file_is_removed() -> None:
    tree = server(NEW)
    only_finding(tree, "moduli-empty")
    assert changed_paths(mended(tree)) == [MODULI]


@pytest.mark.parametrize(
    "allowed",
    [
        "diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256",
        "diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha256",
    ],
)
def test_ssh_prefers_it_to_the_fixed_groups(allowed: str) -> None:
    tree = server({**NEW, MAIN: f"{SSHD_CONFIG}KexAlgorithms {allowed}\n"})
    only_finding(tree, "moduli-empty")
    assert changed_paths(mended(tree)) == [MODULI]


@pytest.mark.parametrize(
    "line", ["20230619 2 6 100 1023 2 E0", "20230619 2 6 100 16383 2 E0", "20230619 5 6 100 2047 2 E0"]
)
def test_numbers_that_sshd_does_not_use_are_none(line: str) -> None:
    assert causes(server({**NEW, MODULI: f"{line}\n"})) == ["moduli-empty"]


def test_where_it_is_not_needed_it_is_no_fault() -> None:
    assert causes(server({**NEW, MAIN: ALONE.rstrip() + ",curve25519-sha256\n"})) == []
    assert causes(server({**NEW, MODULI: None})) == []
    assert causes(server({**NEW, MODULI: "20230619 2 6 100 2047 2 E0\n"})) == []
    assert causes(server({**NEW, "/var/lib/dpkg/status": DPKG_STATUS})) == []
