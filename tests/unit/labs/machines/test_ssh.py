"""What the real client says, and what that means. The sayings are OpenSSH 9.2's own."""

import pytest

from rescue.labs.machines.ssh import Attempt
from rescue.model import Symptom

pytestmark = pytest.mark.unit

SAID = {
    "ssh: connect to host 192.0.2.2 port 22: Connection refused\r\n": Symptom.REFUSED,
    "ssh: connect to host 192.0.2.2 port 22: Connection timed out\r\n": Symptom.TIMED_OUT,
    "Connection timed out during banner exchange\r\n": Symptom.TIMED_OUT,
    "ssh: connect to host 192.0.2.2 port 22: No route to host\r\n": Symptom.UNREACHABLE,
    "root@192.0.2.2: Permission denied (publickey,password).\r\n": Symptom.DENIED,
    "Down for maintenance.\n\nConnection closed by 192.0.2.2 port 22\r\n": Symptom.CLOSED,
    "kex_exchange_identification: read: Connection reset by peer\r\n": Symptom.CLOSED,
    "Connection to 192.0.2.2 closed by remote host.\r\n": Symptom.CLOSED,
    "client_loop: send disconnect: Broken pipe\r\n": Symptom.CLOSED,
}


@pytest.mark.parametrize("said", SAID)
def test_the_clients_words_tell_the_symptom(said: str) -> None:
    assert Attempt(255, "", said).symptom is SAID[said]


def test_a_command_that_fails_on_the_server_was_a_login() -> None:
    assert Attempt(1, "", "Permission denied").symptom is Symptom.OK


@pytest.mark.parametrize(
    ("output", "errors"),
    [
        ("This account is currently not available.\n", ""),
        ("", "WARNING: Your password has expired.\nPassword change required but no TTY available.\n"),
    ],
)
def test_a_session_that_the_server_ends_at_once_is_no_login(output: str, errors: str) -> None:
    assert Attempt(1, output, errors).symptom is Symptom.CLOSED


def test_words_that_nobody_knows_are_no_symptom() -> None:
    assert Attempt(255, "", "Bad owner or permissions on /etc/ssh/ssh_config\r\n").symptom is None
