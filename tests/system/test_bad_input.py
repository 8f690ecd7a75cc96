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
    (tmp_path / "holiday snapshots").mkdir()
    refused(run("inspect", tmp_path), 4, "no Linux system", "holiday snapshots")


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


@pytest.mark.parametrize("words", [["explode"], ["inspect", "/", "--unknown"], ["fix", "/", "--port", "x"]])
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


def shell(words: str, server: Path) -> subprocess.CompletedProcess[str]:
    """The program in a shell's line, where $R is the program and $T the server."""
    return subprocess.run(
        ["sh", "-c", words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY), R=f"{sys.executable} -m rescue", T=str(server)),
    )


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_done_without(server: Path, streams: str) -> None:
    done = shell(f"$R inspect $T {streams}", server)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    (server / "etc/nologin").write_text("closed\n")
    done = shell(f"$R fix $T --yes {streams}", server)
    assert done.returncode == 3, done.stderr
    assert not (server / "etc/nologin").exists()
    # A message never goes into a file that got the number of the closed stream.
    for path in server.rglob("*"):
        assert not path.is_file() or b"The path to a login" not in path.read_bytes(), path


@pytest.mark.parametrize(
    "words", ["inspect $T", "inspect $T --json", "disks", "explain", "help", "--version", "version --json"]
)
def test_an_output_that_takes_no_more_is_said(server: Path, words: str) -> None:
    done = shell(f"$R {words} >/dev/full", server)
    assert done.returncode == 1, done.stderr
    assert "the output can't be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_nothing_is_written_to_the_server_where_nobody_could_be_told(server: Path) -> None:
    (server / "etc/nologin").write_text("closed\n")
    done = shell("$R fix $T --yes >/dev/full", server)
    assert done.returncode == 1, done.stderr
    assert (server / "etc/nologin").exists()
    assert not (server / "var/lib/rescue").exists()


def test_messages_that_nobody_can_read_are_no_fault(server: Path) -> None:
    assert shell("$R inspect $T 2>/dev/full", server).returncode == 3
    assert shell("$R inspect /nowhere 2>/dev/full", server).returncode == 4


def test_who_reads_may_go_away(server: Path) -> None:
    done = shell("{ $R explain ufw-no-ssh-rule; echo status $? >&2; } | true", server)
    assert done.stderr in ("status 1\n", "status 0\n")


def test_words_behind_options_are_taken(server: Path) -> None:
    (server / "etc/nologin").write_text("closed\n")
    assert "nologin" in run("fix", server, "--user", "alice", "1", "--dry-run").stdout
    assert "nologin" in run("fix", server, "--user", "alice", "nologin", "--dry-run").stdout
    fixed = json.loads(run("fix", "--yes", server, "--json").stdout)
    assert run("undo", server, "--quiet", "--yes", fixed["journal"]).returncode == 0
    assert (server / "etc/nologin").exists()
    assert "PermitRootLogin" in run("explain", "sshd", "--user", "alice", server, "--all").stdout


@pytest.mark.parametrize("verb", ["fix", "undo", "history"])
def test_a_journal_is_a_directory(server: Path, tmp_path: Path, verb: str) -> None:
    (server / "etc/nologin").write_text("closed\n")
    (tmp_path / "file").write_text("mine\n")
    done = run(verb, server, "--journal", tmp_path / "file", *([] if verb == "history" else ["--yes"]))
    refused(done, 2, "--journal", "is a file", "directory")
    assert (tmp_path / "file").read_text() == "mine\n"
    assert (server / "etc/nologin").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "\x1b[2J\x1b]0;owned\x07"],
        ["\x1b[31minspect"],
        ["fix", "T", "\x1b[2J"],
        ["inspect", "T", "--user", "\x1b[2J"],
        ["inspect", "T", "--from", "\x1b[2J"],
        ["inspect", "T", "--port", "\x1b[2J"],
        ["inspect", "T", "--\x1b[2J"],
        ["explain", "\x1b[2J"],
        ["undo", "T", "\x1b[2J"],
        ["lab", "start", "\x1b[2J"],
        ["inspect", "T", "--root", "\x1b[2J"],
        ["inspect", "T", "--key", "\x1b[2J"],
    ],
)
def test_what_is_typed_never_drives_the_terminal(server: Path, words: list[str]) -> None:
    done = run(*(str(server) if word == "T" else word for word in words))
    assert "\x1b" not in done.stdout + done.stderr
    assert done.returncode in (0, 2, 3, 4, 5)


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
