"""Files about accounts and keys as a stranger may leave them: each is judged, and nothing secret or live gets out."""

from __future__ import annotations

import io
from pathlib import PurePosixPath
from random import Random

import pytest

from rescue.examine import examine
from rescue.keys.authorized_keys import parse_keys
from rescue.model import Client
from rescue.planner import any_repairs, make_plan
from rescue.tree import Entry, Tree, file
from rescue.ui.document import inspection
from rescue.ui.report import Report, console
from tests.pam_files import MODULES, SSHD, with_pam
from tests.trees import HOST_KEY, KEY, healthy, server

pytestmark = pytest.mark.unit

KEYS = "/home/alice/.ssh/authorized_keys"
ALL = ["access", "listfile", "limits", "shells", "succeed_if", "time", "faillock", "tally2", "google_authenticator"]
RULES = "".join(
    f"{stack} required pam_{name}.so {more}\n"
    for stack, name, more in (
        ("account", "access", ""), ("account", "listfile", "item=user sense=allow file=/etc/pam.list"),
        ("session", "limits", ""), ("account", "shells", ""), ("account", "succeed_if", "user ingroup staff"),
        ("account", "time", ""), ("auth", "faillock", "preauth"), ("auth", "tally2", "deny=3"),
        ("auth", "google_authenticator", ""),
    )
)  # fmt: skip
FILES = (
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/nsswitch.conf", "/etc/fstab", "/etc/sudoers", "/etc/sudoers.d/x",
    "/etc/pam.d/sshd", "/etc/security/access.conf", "/etc/security/time.conf", "/etc/security/limits.conf",
    "/etc/security/faillock.conf", "/etc/pam.list", "/etc/shells", "/etc/selinux/config", "/etc/profile",
    "/home/alice/.profile", "/var/log/tallylog", "/var/run/faillock/alice", "/etc/passwd-", KEYS,
)  # fmt: skip
CLIENTS = (Client(), Client(user="alice"), Client(user="alice", key=KEY), Client(user="\udcff\x1b[2J"))


def hostile(changes: dict[str, Entry | str | bytes | None]) -> Tree:
    modules: dict[str, Entry | str | bytes | None] = {f"{MODULES}/pam_{name}.so": file("ELF") for name in ALL}
    return server({**with_pam(sshd=RULES + SSHD), "/usr/bin/sudo": file("ELF", 0o4755), **modules, **changes})


def shown(tree: Tree, client: Client) -> str:
    """The report as it goes to a terminal."""
    out = io.StringIO()
    report = Report(console(out))
    examination = examine(tree, client)
    report.heading(examination, "disk", "directory")
    report.path(examination, every=True)
    report.findings(examination)
    report.next_steps(examination, "disk", [])
    return out.getvalue()


@pytest.mark.parametrize("path", FILES)
def test_junk_in_any_file_is_judged_for_anybody(path: str) -> None:
    rng = Random(path)
    good = str(healthy().get(path, "alice\n" * 9))
    junks = [
        bytes(range(256)) * 9 + b":" * 999 + b"\\\n" * 99, b"\n" * 2000 + b"\0" * 999, rng.randbytes(2000),
        b"\xff\xfe" + good.encode("utf-16-le"), b"alice ALL=(" * 99 + b"a;" * 999 + b"[=" * 999 + b"!&|" * 99,
    ]  # fmt: skip
    for junk in junks:
        tree = hostile({path: junk})
        for client in (CLIENTS[0], CLIENTS[3]):
            assert "\x1b" not in shown(tree, client)
        make_plan(tree, CLIENTS[1], any_repairs)


def test_a_key_with_a_live_comment_does_not_drive_the_terminal() -> None:
    text = f"{KEY} \x1b]0;owned\x07\u202e\x1b[2J\nno-such-option {KEY[:-4]}AAAA \x1b[31m\n"
    tree = hostile({KEYS: file(text, 0o666, 1000, 1000)})
    for client in CLIENTS:
        told = shown(tree, client)
        assert not any(mark in told for mark in ("\x1b", "\x07", "\u202e"))


def test_a_user_whose_name_is_no_utf8_can_be_named() -> None:
    passwd = str(healthy()["/etc/passwd"]) + "j\udcfcrgen:x:1001:1001::/home/j:/bin/bash\n"
    tree = hostile({"/etc/passwd": passwd, "/etc/pam.d/sshd": SSHD})
    found = examine(tree, Client(user="j\udcfcrgen", key=KEY)).findings
    assert [each.check for each in found] == ["shadow-missing-entry", "home-missing"]


@pytest.mark.parametrize("client", CLIENTS)
def test_hashes_and_private_keys_are_in_no_finding(client: Client) -> None:
    hash_ = "$y$j9T$saltsalt$hashhashhashhashhash"
    changes: dict[str, Entry | str | bytes | None] = {
        "/etc/shadow": f"root:{hash_}:0:0:99999:7:::\nalice:{hash_}:0:0:1:7::1:\r\nalice:{hash_}\n",
        "/etc/passwd": str(healthy()["/etc/passwd"]).replace("alice:x:1000", f"alice:{hash_}"),
        "/etc/passwd-": f"alice:{hash_}:1000:1000::/home/alice:/bin/sh\n",
        KEYS: file(HOST_KEY, 0o600, 1000, 1000),
        "/root/.ssh/authorized_keys": file(f"PuTTY-User-Key-File-2: x\n{HOST_KEY[90:200]}\n", 0o600),
    }
    tree = hostile(changes)
    told = shown(tree, client) + str(inspection(examine(tree, client), "disk", "directory"))
    assert "saltsalt" not in told
    assert "b3BlbnNzaC1rZXk" not in told
    assert HOST_KEY[100:130] not in told


def test_lines_within_a_private_key_are_known_for_what_they_are() -> None:
    lines = parse_keys(f"{HOST_KEY}{KEY}\nno key\n", PurePosixPath(KEYS))
    assert {line.text for line in lines[:-2]} == {""}
    assert lines[-2].key is not None
    assert lines[-1].text == "no key"


def test_many_keys_and_long_lines_are_read_in_time() -> None:
    text = f"{KEY} x\n" * 9000 + f'command="{"a" * 200_000}" {KEY}\n' + "from=" * 9000
    assert [each.check for each in examine(server({KEYS: file(text, 0o600, 1000, 1000)}), CLIENTS[2]).findings] == []
