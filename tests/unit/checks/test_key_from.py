from ipaddress import ip_address

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, only_finding
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

KEYS = "/home/alice/.ssh/authorized_keys"
HOME = Client(user="alice", sources=(ip_address("192.0.2.1"),))


def keys(*lines: str) -> dict[str, Entry | str | bytes | None]:
    return {KEYS: file("".join(f"{line}\n" for line in lines), 0o600, 1000, 1000)}


@pytest.mark.parametrize("patterns", ["192.0.2.1", "192.0.2.0/24", "203.0.113.5,192.0.2.*", "*", "*,!198.51.100.1"])
def test_an_address_in_the_list_is_no_finding(patterns: str) -> None:
    assert causes(server(keys(f'from="{patterns}" {KEY}')), HOME) == []


def test_a_second_key_without_a_bond_is_enough() -> None:
    assert causes(server(keys(f'from="203.0.113.5" {KEY}', KEY)), HOME) == []


@pytest.mark.parametrize(
    "options", ['from="203.0.113.5"', 'no-pty,from="203.0.113.5,10.0.0.0/8"', 'FROM="203.0.113.9"']
)
def test_the_address_is_added_to_the_keys_own_list(options: str) -> None:
    tree = server(keys("# mine", f"{options} {KEY} x"))
    finding = only_finding(tree, "key-from", HOME)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert diff(mended(tree, HOME), KEYS) == (
        [f"{options} {KEY} x"],
        [f'{options.removesuffix(chr(34))},192.0.2.1" {KEY} x'],
    )


def test_where_the_client_comes_from_has_to_be_known() -> None:
    finding = only_finding(server(keys(f'from="203.0.113.5" {KEY}')), "key-from", Client(user="alice"))
    assert finding.severity is Severity.DOUBTFUL
