"""Whatever is given: one clear message, what to do next, the documented exit status, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rescue.tree import Entry, Kind
from tests.trees import healthy

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")]

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 240
NOBODY = ("/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


def plant(root: Path, changes: dict[str, Entry | str | bytes] | None = None) -> Path:
    """The healthy literal server as real files, with `changes`."""
    for path, value in sorted({**healthy(), **(changes or {})}.items()):
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(value, Entry):
            place.write_bytes(value.encode() if isinstance(value, str) else value)
        elif value.kind is Kind.LINK:
            place.symlink_to(value.link)
        elif value.kind is Kind.DIR:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(value.data or b"")
        if isinstance(value, Entry) and value.kind is not Kind.LINK:
            place.chmod(value.mode)
            os.chown(place, value.uid, value.gid)
    return root


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A healthy server's root."""
    (tmp_path / "server").mkdir()
    return plant(tmp_path / "server")


def run(*words: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """The program, as a script would call it: without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "rescue", *map(str, words)],
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def refused(done: subprocess.CompletedProcess[str], status: int, *said: str) -> None:
    """The program ended with `status`, and said it all on the error stream."""
    assert done.returncode == status, done.stderr
    for each in said:
        assert each in done.stderr


def test_a_target_that_is_not_there(tmp_path: Path) -> None:
    refused(run("inspect", tmp_path / "nothing"), 4, "is not there", "rescue disks")


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0" * 65536], ids=["empty", "text", "zeros"])
@pytest.mark.parametrize("verb", ["inspect", "fix"])
def test_a_file_that_is_no_disk(tmp_path: Path, verb: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    done = run(verb, path, "--backend", "kernel", *(["--yes"] if verb == "fix" else []))
    refused(done, 4, "rescue: ")
    assert path.read_bytes() == content


def test_a_directory_that_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "holiday pictures").mkdir()
    refused(run("inspect", tmp_path), 4, "no Linux root", "holiday pictures")


def test_a_device_that_is_no_disk() -> None:
    refused(run("inspect", "/dev/null"), 4, "neither a disk")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "my-house"], "an address such as"),
        (["--port", "0"], "1 to 65535"),
        (["--port", "99999"], "1 to 65535"),
        (["--key", "/nonexistent.pub"], "No such file"),
        (["--key", "/etc/passwd"], "no public key"),
    ],
)
def test_an_option_that_cannot_be(server: Path, words: list[str], said: str) -> None:
    refused(run("inspect", server, *words), 2, said)


def test_a_private_key_is_not_wanted(server: Path) -> None:
    key = server / "etc/ssh/ssh_host_ed25519_key"
    done = run("inspect", server, "--key", key)
    refused(done, 2, "private key", f"{key}.pub")
    assert "OPENSSH" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words", [["explode"], ["inspect"], ["inspect", "/", "--unknown"], ["fix", "/", "--port", "x"]]
)
def test_words_that_are_no_command(words: list[str]) -> None:
    assert run(*words).returncode == 2


def test_a_cause_that_is_none(server: Path) -> None:
    refused(run("explain", "ufw-no-ssh-rul"), 2, "ufw-no-ssh-rule")
    refused(run("fix", server, "--yes", "--only", "bad-luck"), 2, "bad-luck")


def test_a_finding_that_is_not_there(server: Path) -> None:
    refused(run("fix", server, "7", "--yes"), 2, "no finding 7")


@pytest.mark.parametrize("given", ["", "\n", "1\n1\n", "yes\n"])
def test_a_pipe_is_never_taken_for_a_yes(server: Path, given: str) -> None:
    (server / "etc/nologin").write_text("closed\n")
    refused(run("fix", server, given=given), 2, "no terminal", "--yes")
    refused(run(given=given), 2, "no terminal")
    assert (server / "etc/nologin").exists()
    assert not (server / "var/lib/rescue").exists()


def test_an_error_is_a_document_too(tmp_path: Path) -> None:
    done = run("inspect", tmp_path / "nothing", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["error"]["status"]) == (4, 4)
    assert "is not there" in told["error"]["message"]


def test_nothing_to_undo(server: Path) -> None:
    refused(run("undo", server, "--yes"), 5, "nothing to undo")
    assert run("history", server).stdout.strip() == "No fix was made here."


@pytest.mark.parametrize(
    "path",
    ["etc/ssh/sshd_config", "etc/passwd", "etc/group", "root/.ssh/authorized_keys", "etc/ssh/ssh_host_ed25519_key"],
)
def test_binary_junk_is_judged_and_does_no_harm(server: Path, path: str) -> None:
    (server / path).write_bytes(bytes(range(256)) * 64 + b"\x1b]0;owned\x07\x1b[2J")
    done = run("inspect", server)
    assert done.returncode in (0, 3), done.stderr
    assert "\x1b" not in done.stdout
    assert run("fix", server, "--dry-run").returncode in (0, 3)


def test_a_log_of_fifty_gigabytes_is_not_read(server: Path) -> None:
    with (server / "var/log/huge.log").open("wb") as stream:
        stream.truncate(50 << 30)
    done = run("inspect", server)
    assert done.returncode == 3
    assert "Nothing wrong found" in done.stdout


def test_a_configuration_of_five_gigabytes_is_not_read_but_said(server: Path) -> None:
    with (server / "etc/ssh/sshd_config").open("ab") as stream:
        stream.truncate(5 << 30)
    done = run("inspect", server, "--json")
    assert done.returncode == 3
    assert "file-too-large" in [each["cause"] for each in json.loads(done.stdout)["findings"]]


def test_an_ordinary_user_is_told_to_be_root(server: Path, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(b"\0" * 4096)
    image.chmod(0o600)
    for each in (tmp_path, *tmp_path.parents):
        if each.owner() == "root" and each.name.startswith("pytest"):
            each.chmod(0o755)
    copy = tmp_path / "code"
    shutil.copytree(REPOSITORY / "rescue", copy / "rescue", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [*NOBODY, sys.executable, "-m", "rescue", "inspect", str(image)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=dict(os.environ, PYTHONPATH=str(copy), HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1"),
    )
    if "ModuleNotFoundError" in done.stderr or ("Permission denied" in done.stderr and "rescue:" not in done.stderr):
        pytest.skip(f"an ordinary user can't run this Python: {done.stderr[-200:]}")
    refused(done, 4, "sudo")


def test_ctrl_c_ends_with_130_and_nothing_written(server: Path) -> None:
    (server / "etc/nologin").write_text("closed\n")
    before = {path: path.lstat().st_mtime_ns for path in server.rglob("*")}
    process = subprocess.Popen(
        [sys.executable, "-m", "rescue", "inspect", str(server)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY)),
    )
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    # Before the program has begun the interpreter itself is interrupted; after it has ended there is nothing to stop.
    assert process.returncode in (130, -signal.SIGINT, 3)
    assert process.returncode != 130 or "Traceback" not in said
    assert {path: path.lstat().st_mtime_ns for path in server.rglob("*")} == before
