"""What the client prints for each cause, as it was measured with the real thing: people search for these words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rescue.examine import examine
from rescue.model import Client
from rescue.tree import Entry, file
from rescue.ui.document import finding
from tests.pam_files import with_pam
from tests.trees import DPKG_STATUS, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

Changes = dict[str, Entry | str | bytes | None]
ALICE = Client(user="alice", now=datetime(2026, 1, 1, tzinfo=UTC))


def shadow(alice: str) -> Changes:
    return {**with_pam(), "/etc/shadow": file(f"root:*:19700:0:99999:7:::\nalice:{alice}\n", 0o640, 0, 42)}


WRAPPED = DPKG_STATUS.replace("Source: openssh\n", "Source: openssh\nDepends: libwrap0 (>= 7.6-4~)\n")
ENDED = "Your account has expired; please contact your system administrator"
CASES: list[tuple[str, str, Changes]] = [
    ("acct-expired", ENDED, shadow("!:19700:0:99999:7::19800:")),
    ("pw-expired", "You are required to change your password immediately", shadow("!:19700:0:90:7:::")),
    ("pw-expired", ENDED, shadow("!:19700:0:90:7:7::")),
    ("sshd-chroot-perms", "client_loop: send disconnect: Broken pipe",
     {"/etc/ssh/sshd_config": f"{SSHD_CONFIG}Match User alice\nChrootDirectory /srv/gone\n"}),
    ("hosts-deny", "kex_exchange_identification: read: Connection reset by peer",
     {"/etc/hosts.deny": "sshd: ALL\n", "/var/lib/dpkg/status": WRAPPED}),
    ("key-missing", "alice@SERVER: Permission denied (publickey,password).",
     {"/home/alice/.ssh/authorized_keys": None}),
    ("key-missing", "alice@SERVER: Permission denied (publickey).",
     {"/home/alice/.ssh/authorized_keys": None, "/etc/ssh/sshd_config": f"PasswordAuthentication no\n{SSHD_CONFIG}"}),
]  # fmt: skip


@pytest.mark.parametrize(("check", "words", "changes"), CASES)
def test_the_line_that_the_client_prints(check: str, words: str, changes: Changes) -> None:
    found = [each for each in examine(server(changes), ALICE).findings if each.check == check]
    assert [each.words for each in found] == [words]
    assert finding(found[0])["words"] == words


def test_others_have_the_symptoms_words() -> None:
    found = examine(server({"/usr/sbin/sshd": None}), ALICE).findings
    assert {finding(each)["words"] for each in found} == {None}
