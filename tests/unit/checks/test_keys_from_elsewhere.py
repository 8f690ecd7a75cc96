"""Where a command or a certificate authority may give keys, what is wrong with the key files is a doubt only."""

import pytest

from rescue.model import Client, Severity
from rescue.tree import Entry, file
from tests.checking import causes, mended, only_finding
from tests.trees import KEY, PROGRAM, SSHD_CONFIG, healthy, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice", key=KEY)
KEYS = "/home/alice/.ssh/authorized_keys"
COMMAND = "AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\nAuthorizedKeysCommandUser nobody\n"
AUTHORITY = "TrustedUserCAKeys /etc/ssh/ca.pub\n"
RUNS: dict[str, Entry | str | bytes | None] = {
    "/etc/passwd": f"{server().text('/etc/passwd')}nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "/usr/bin/sss_ssh_authorizedkeys": file(PROGRAM, 0o755),
}
GONE: dict[str, Entry | str | bytes | None] = {path: None for path in healthy() if path.startswith("/home/alice")}


@pytest.mark.parametrize("setting", [COMMAND, AUTHORITY])
@pytest.mark.parametrize(
    "cause, changes",
    [
        ("strictmodes-perms", {KEYS: file(KEY, 0o666, 1000, 1000)}),
        ("key-missing", {KEYS: None}),
        ("key-expired", {KEYS: file(f'expiry-time="20200101" {KEY}', 0o600, 1000, 1000)}),
        ("home-missing", GONE),
    ],
)
def test_it_is_a_doubt_with_the_reason(
    setting: str, cause: str, changes: dict[str, Entry | str | bytes | None]
) -> None:
    tree = server({**RUNS, **changes, "/etc/ssh/sshd_config": setting + SSHD_CONFIG})
    finding = only_finding(tree, cause, ALICE)
    assert finding.severity is Severity.DOUBTFUL
    assert setting.split()[0] in finding.reason
    if cause == "strictmodes-perms":
        mended(tree, ALICE)


@pytest.mark.parametrize("setting", [COMMAND, AUTHORITY, "AuthorizedKeysCommand none\n"])
def test_keys_that_are_found_are_no_finding(setting: str) -> None:
    assert causes(server({**RUNS, "/etc/ssh/sshd_config": setting + SSHD_CONFIG}), ALICE) == []
