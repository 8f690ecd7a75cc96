"""What the outside sees of an sshd that ends at once, where systemd listens in its place."""

import pytest

from rescue.examine import examine
from rescue.model import Client, Symptom
from rescue.tree import Entry, symlink
from tests.trees import SSH_SERVICE, SSH_SOCKET, server

pytestmark = pytest.mark.unit

LIB = "/usr/lib/systemd/system"
STARTED: dict[str, Entry | str | None] = {
    "/etc/systemd/system/sockets.target.wants/ssh.socket": symlink(f"{LIB}/ssh.socket")
}
EACH: dict[str, Entry | str | None] = {
    f"{LIB}/ssh.socket": SSH_SOCKET.replace("Accept=no", "Accept=yes"),
    f"{LIB}/ssh@.service": SSH_SERVICE.replace("sshd -D", "sshd -i"),
}
BROKEN: dict[str, dict[str, Entry | str | None]] = {
    "sshd-config-error": {"/etc/ssh/sshd_config": "Prot 22\n"},
    "hostkeys-missing": {"/etc/ssh/ssh_host_ed25519_key": None},
    "nss-broken": {"/etc/nsswitch.conf": "passwd: sss\n"},
}


@pytest.mark.parametrize("cause", BROKEN)
def test_a_socket_that_accepts_takes_the_connection_before_sshd_ends(cause: str) -> None:
    for changes, expected in (
        ({}, Symptom.REFUSED),
        (STARTED, Symptom.REFUSED),
        (EACH, Symptom.REFUSED),
        (STARTED | EACH, Symptom.CLOSED),
    ):
        found = [each for each in examine(server(BROKEN[cause] | changes), Client()).findings if each.check == cause]
        assert [each.symptom for each in found] == [expected], changes
