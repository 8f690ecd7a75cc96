"""A key added by ``fix --add-key`` opens a real sshd, and undo closes it again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.cli import main
from rescue.verbs.request import last_target
from tests.system.login import LoginServer, login_server
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoginServer]:
    with login_server(sshd_root("bookworm"), tmp_path) as made:
        root = made.path
        (root / "etc/passwd").write_text(
            "root:x:0:0:root:/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
            "alice:x:1000:1000::/home/alice:/bin/sh\n"
        )
        (root / "etc/group").write_text("root:x:0:\nalice:x:1000:\nnogroup:x:65534:\n")
        (root / "etc/shadow").write_text("root:*:19700:0:99999:7:::\nalice:*:19700:0:99999:7:::\n")
        made.configure("AuthorizedKeysFile .ssh/authorized_keys .keys/%u")
        shutil.rmtree(root / "home", ignore_errors=True)
        (root / "home/alice").mkdir(parents=True)
        shutil.chown(root / "home/alice", 1000, 1000)
        yield made


def test_the_key_that_was_added_opens_the_account(
    server: LoginServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_target, "_path", lambda: tmp_path / "last.json")
    assert not server.login("alice")[0]
    public, home = str(server.key.with_suffix(".pub")), server.path / "home/alice"
    told = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True).stdout
    words = [str(server.path), "--only", "key-missing", "--add-key", public, "--user", "alice", "--yes", "--json"]
    main(["fix", *words])
    made = json.loads(capsys.readouterr().out)
    assert (made["key"]["state"], made["key"]["line"]) == ("added", 1)
    assert made["key"]["fingerprint"] == told.split()[1]
    entered, log = server.login("alice")
    assert entered, log
    stat = (home / ".ssh/authorized_keys").stat()
    assert (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) == (0o600, 1000, 1000)
    main(["fix", *words])
    again = json.loads(capsys.readouterr().out)
    assert (again["key"]["state"], again["changes"]) == ("present", [])
    assert main(["undo", str(server.path), "--yes"]) == 0
    assert list(home.iterdir()) == []
    assert not server.login("alice")[0]
