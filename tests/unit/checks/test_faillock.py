from datetime import UTC, datetime
from struct import pack

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import Entry, Tree, file, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import KEY, PASSWORD_HASH, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE = Client(user="alice", now=NOW)
STAMP = int(NOW.timestamp())
KEYS = "/home/alice/.ssh/authorized_keys"
SHADOW = f"root:*:19700:0:99999:7:::\nalice:{PASSWORD_HASH}:19700:0:99999:7:::\n"
TALLY = "/var/lib/faillock/alice"


def tally(*ages: int, valid: bool = True) -> bytes:
    return b"".join(pack("<52sHHQ", b"192.0.2.7", 0, int(valid), STAMP - age) for age in ages)


def locked(tallies: bytes, arguments: str = "", /, **more: Entry | str | None) -> Tree:
    rule = f"auth required pam_faillock.so preauth {arguments}\n"
    return server({
        **with_pam(sshd=rule + SSHD), f"{MODULES}/pam_faillock.so": file("ELF"), KEYS: None, "/etc/shadow": SHADOW,
        "/etc/security/faillock.conf": "dir = /var/lib/faillock\n", TALLY: file(tallies, 0o600, 1000), **more,
    })  # fmt: skip


@pytest.mark.parametrize(
    "tallies, arguments",
    [
        (b"", ""),
        (tally(1, 2), ""),
        (tally(1, 2, 3), "deny=4"),
        (tally(1, 2, 2000), ""),
        (tally(700, 701, 702), ""),
        (tally(1, 2, 3, valid=False), ""),
        (tally(1, 2, 3), "deny=0"),
        (tally(1, 2)[:-3], ""),
    ],
)
def test_too_few_failures_or_too_long_ago_are_no_finding(tallies: bytes, arguments: str) -> None:
    assert causes(locked(tallies, arguments), ALICE) == []


def test_who_has_a_key_is_let_in_all_the_same() -> None:
    keys = file(KEY, 0o600, 1000, 1000)
    assert causes(locked(tally(1, 2, 3), **{KEYS: keys}), ALICE) == []


@pytest.mark.parametrize(
    "tallies, arguments", [(tally(1, 2, 3), ""), (tally(900, 901, 902), "unlock_time=0"), (tally(500), "deny=1")]
)
def test_the_failures_are_forgotten(tallies: bytes, arguments: str) -> None:
    tree = locked(tallies, arguments)
    finding = only_finding(tree, "faillock", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [TALLY]
    entry = plan.after.facts.tree.entry(TALLY)
    assert entry is not None
    assert (entry.data, entry.mode, entry.uid) == (b"", 0o600, 1000)


def test_root_is_only_locked_where_that_was_asked_for() -> None:
    root = Client(user="root", now=NOW)
    more: dict[str, Entry | str | None] = {
        "/root/.ssh/authorized_keys": None,
        "/etc/ssh/sshd_config": SSHD_CONFIG + "PermitRootLogin yes\n",
        "/etc/shadow": SHADOW.replace("root:*", f"root:{PASSWORD_HASH}"),
        "/var/lib/faillock/root": file(tally(1, 2, 3), 0o600),
    }
    assert causes(locked(b"", **more), root) == []
    assert causes(locked(b"", "even_deny_root", **more), root) == ["faillock"]


def test_a_count_in_run_is_doubtful_as_a_boot_empties_it() -> None:
    files: dict[str, Entry | str | None] = {
        "/etc/security/faillock.conf": "# defaults\n",
        "/var/run": symlink("/run"),
        "/run/faillock/alice": file(tally(1, 2, 3)),
    }
    tree = locked(b"", **files)
    finding = only_finding(tree, "faillock", ALICE)
    assert (finding.severity, "a boot empties" in finding.reason) == (Severity.DOUBTFUL, True)


def test_tallylog_has_an_entry_for_each_uid() -> None:
    log = bytes(64 * 1000) + pack("<52sHHQ", b"x", 0, 6, STAMP) + bytes(64)
    rule = "auth required pam_tally2.so onerr=fail deny=5\n"
    tree = server({
        **with_pam(sshd=rule + SSHD), f"{MODULES}/pam_tally2.so": file("ELF"), KEYS: None, "/etc/shadow": SHADOW,
        "/var/log/tallylog": file(log, 0o600),
    })  # fmt: skip
    only_finding(tree, "faillock", ALICE)
    assert mended(tree, ALICE).after.facts.tree.data("/var/log/tallylog") == bytes(64 * 1002)
