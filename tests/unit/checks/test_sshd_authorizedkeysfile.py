import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
PATH = "/etc/ssh/sshd_config.d/10-own.conf"


def setting(value: str) -> dict[str, Entry | str | bytes | None]:
    return {PATH: f"AuthorizedKeysFile {value}\n"}


@pytest.mark.parametrize(
    "value", [".ssh/authorized_keys", "%h/.ssh/authorized_keys", "/etc/keys/%u .ssh/authorized_keys"]
)
def test_a_line_that_finds_the_keys_is_no_finding(value: str) -> None:
    assert causes(server(setting(value)), ALICE) == []


@pytest.mark.parametrize("value", [".ssh/authorised_keys", "/etc/ssh/keys/%u", "~/.ssh/keys"])
def test_the_usual_file_is_added_to_the_line(value: str) -> None:
    tree = server(setting(value))
    finding = only_finding(tree, "sshd-authorizedkeysfile", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    plan = mended_if_agreed(tree, ALICE)
    assert diff(plan, PATH) == ([f"AuthorizedKeysFile {value}"], [f"AuthorizedKeysFile {value} .ssh/authorized_keys"])


def test_none_makes_room_for_it() -> None:
    assert diff(mended_if_agreed(server(setting("none")), ALICE), PATH)[1] == [
        "AuthorizedKeysFile .ssh/authorized_keys"
    ]


def test_a_central_file_that_has_keys_is_meant() -> None:
    other = KEY[:-4] + "AAAA"
    assert causes(server({**setting("/etc/ssh/keys/%u"), "/etc/ssh/keys/alice": file(other)}), ALICE) == []


def test_a_file_that_others_could_have_written_is_not_brought_back() -> None:
    loose = {**setting("/etc/ssh/keys/%u"), "/home/alice/.ssh/authorized_keys": file(KEY, 0o666, 1000, 1000)}
    assert causes(server(loose), ALICE) == ["key-missing"]
