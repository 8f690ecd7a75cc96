"""`rescue --via`: over a real ssh to a real sshd, in a network namespace with an address of its own."""

from __future__ import annotations

import hashlib
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.status import Status
from tests.system import real_root
from tests.system.other_side import ADDRESS, OtherSide, other_side
from tests.trees import server

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces and chroots need root")]

HEAD = f"#!/bin/sh\n# rescue 0.0 for {os.uname().machine}: a test's\n"
SHOWS = HEAD + 'echo "typed: $*"; echo "from: $0"; tty; exit 3\n'
"""In place of a .run file: a program that says how it was started."""
LIBRARIES = ("libexpat", "libz", "libssl", "libcrypto", "libffi", "libbz2", "liblzma", "libuuid")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[OtherSide]:
    with other_side(tmp_path) as machine:
        yield machine


@pytest.fixture
def shows(tmp_path: Path) -> Path:
    path = tmp_path / "shows.run"
    path.write_text(SHOWS)
    return path


def test_the_program_is_sent_once_and_its_status_is_the_status(there: OtherSide, shows: Path) -> None:
    first = there.rescue("inspect", "/dev/it's here", "--from", "203.0.113.7", data=shows)
    digest = hashlib.sha256(SHOWS.encode()).hexdigest()
    assert first.returncode == 3, first.stderr
    assert first.stdout == (
        f"typed: inspect --from=203.0.113.7 -- /dev/it's here\nfrom: /run/rescue-via-0/{digest}.run\nnot a tty\n"
    )
    assert "sending shows.run" in first.stderr
    assert [each.name for each in there.kept()] == [f"{digest}.run"]
    assert there.kept()[0].parent.stat().st_mode & 0o777 == 0o700
    assert there.kept()[0].stat().st_mode & 0o777 == 0o600
    second = there.rescue("inspect", "/dev/it's here", "--from", "203.0.113.7", data=shows)
    assert (second.stdout, second.returncode) == (first.stdout, 3)
    assert "sending" not in second.stderr
    assert there.log.read_text().count("Accepted publickey") == 2, "one login each"


def test_what_was_changed_there_is_sent_anew(there: OtherSide, shows: Path) -> None:
    there.rescue("disks", data=shows)
    there.kept()[0].write_text("#!/bin/sh\necho another\n")
    again = there.rescue("disks", data=shows)
    assert again.stdout.startswith("typed: disks\n")
    assert there.kept()[0].read_text() == SHOWS
    assert len(there.kept()) == 1


def test_on_a_terminal_it_runs_on_a_terminal(there: OtherSide, shows: Path) -> None:
    here, far = pty.openpty()
    words = [sys.executable, "-m", "rescue", "--via", "root@server", "--via-file", str(shows), "disks"]
    with subprocess.Popen(
        words, stdin=far, stdout=far, stderr=far, env=there.environment, start_new_session=True
    ) as it:
        os.close(far)
        said = b""
        while True:
            try:
                some = os.read(here, 4096)
            except OSError:
                break
            if not some:
                break
            said += some
    os.close(here)
    assert it.returncode == 3
    assert b"typed: disks" in said
    assert b"/dev/pts/" in said
    assert b"100 %" in said


def test_a_password_is_asked_for_once_and_the_host_key_shown(there: OtherSide, shows: Path, tmp_path: Path) -> None:
    subprocess.run(["chroot", there.path, "chpasswd"], input="root:let me in", text=True, check=True)
    (there.path / "root/.ssh/authorized_keys").write_text("")
    asking = there.environment["RESCUE_SSH"] + " -o StrictHostKeyChecking=ask"
    words = [sys.executable, "-m", "rescue", "--via", "root@server", "--via-file", str(shows), "disks"]
    child, terminal = pty.fork()
    if child == 0:
        os.execve(words[0], words, there.environment | {"RESCUE_SSH": asking})
    said, answered = b"", 0
    answers = [(b"(yes/no/[fingerprint])? ", b"yes\n"), (b"password: ", b"let me in\n")]
    while True:
        try:
            some = os.read(terminal, 4096)
        except OSError:
            break
        if not some:
            break
        said += some
        if answered < len(answers) and said.endswith(answers[answered][0]):
            os.write(terminal, answers[answered][1])
            answered += 1
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3, said
    assert said.count(b"password: ") == 1
    assert b"typed: disks" in said


def test_your_address_is_proposed_as_a_guess(there: OtherSide, shows: Path) -> None:
    said = there.rescue("inspect", data=shows).stderr
    assert f"A guess: you come from {ADDRESS}" in said
    assert f"--via root@server --via-file {shows} inspect --from {ADDRESS}" in said
    assert "guess" not in there.rescue("inspect", "--from", "203.0.113.7", data=shows).stderr
    assert "guess" not in there.rescue("inspect", "--json", data=shows).stderr
    assert "guess" not in there.rescue("disks", data=shows).stderr


def test_files_of_this_computer_are_handed_over_and_come_back(there: OtherSide, tmp_path: Path) -> None:
    program = tmp_path / "writes.run"
    program.write_text(
        HEAD + 'for word; do case $word in --html=*) echo "<p>" > "${word#*=}" ;; --console=*) cat "${word#*=}" ;; '
        '--key=*) echo "${word}" ;; --output=*) printf "bundle" > "${word#*=}" ;; esac; done\n'
        '[ "$1" != capture ] || [ -n "$2" ] || echo named > "$RESCUE_VIA_FOLDER/web1.bundle"\n'
    )
    console, page, bundle = tmp_path / "console.txt", tmp_path / "page.html", tmp_path / "b"
    console.write_text("[    0.0] Linux version 6.1\n")
    key = tmp_path / "id_ed25519.pub"
    said = there.rescue("inspect", "--console", str(console), "--key", str(key), "--html", str(page), data=program)
    assert said.returncode == 0, said.stderr
    assert "Linux version 6.1" in said.stdout
    assert f"--key={' '.join(key.read_text().split()[:2])}" in said.stdout
    assert page.read_text() == "<p>\n"
    assert there.rescue("capture", "-o", str(bundle), data=program).returncode == 0
    assert bundle.read_text() == "bundle"
    assert bundle.stat().st_mode & 0o777 == 0o600
    assert there.rescue("capture", "-o", str(bundle), data=program).returncode == Status.USAGE
    named = subprocess.run(
        [sys.executable, "-m", "rescue", "capture", "--via", "root@server", "--via-file", str(program)],
        cwd=tmp_path, env=there.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert named.returncode == 0, named.stderr
    assert (tmp_path / "web1.bundle").read_text() == "named\n"
    assert not [each for each in there.kept() if each.name.startswith("results-")], "nothing of it stays there"


def test_a_folder_that_another_user_made_is_not_used(there: OtherSide, shows: Path) -> None:
    trap = there.path / "run/rescue-via-0"
    trap.symlink_to("/etc")
    said = there.rescue("disks", data=shows)
    assert said.returncode == 3, said.stderr
    assert "from: /tmp/rescue-via-0/" in said.stdout
    trap.unlink()
    trap.mkdir()
    os.chown(trap, 1000, 1000)
    (there.path / "tmp/rescue-via-0").rename(there.path / "tmp/away")
    assert "from: /tmp/rescue-via-0/" in there.rescue("disks", data=shows).stdout
    assert list(trap.iterdir()) == []


def test_no_room_names_the_places(there: OtherSide, tmp_path: Path) -> None:
    keys = (there.path / "root/.ssh/authorized_keys").read_text()
    inside = ["nsenter", "-m", "-t", there.environment["RESCUE_SSH"].split()[3]]
    for place in ("run", "tmp", "dev/shm", "root"):
        # The same path as in the sshd's own namespace of mounts.
        target = f"{there.path.readlink()}/{place}"
        subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", target], check=True)
    (there.path / "run/sshd").mkdir(mode=0o755)
    (there.path / "root/.ssh").mkdir(mode=0o700)
    (there.path / "root/.ssh/authorized_keys").write_text(keys)
    large = tmp_path / "large.run"
    large.write_text(SHOWS + "#" * 200_000)
    said = there.rescue("disks", data=large)
    assert said.returncode == Status.TARGET
    assert "has no place for large.run (195.4 KiB): /run has too little room; /tmp has too little room" in said.stderr
    assert said.stdout == ""


KILL = "read -r _ _ _ parent _ < /proc/{child}/stat; kill -9 $parent\n"
"""Ends the session's sshd, which is the parent of the shell that it started."""


@pytest.mark.parametrize(
    ("end", "said"),
    [(KILL.format(child="$PPID"), "was closed in the middle"), ("exit 0\n", "did not arrive whole")],
)
def test_what_is_cut_off_while_it_is_sent_is_never_started(
    there: OtherSide, tmp_path: Path, end: str, said: str
) -> None:
    large = tmp_path / "large.run"
    large.write_text(SHOWS + "#" * 4_000_000)
    cat = there.path / "usr/local/bin/cat"
    cat.write_text(f"#!/bin/sh\nhead -c 100000\n{end}")
    cat.chmod(0o755)
    ended = there.rescue("disks", data=large)
    assert ended.returncode == Status.TARGET, ended.stderr
    assert said in ended.stderr
    assert "nothing was started" in ended.stderr
    assert ended.stdout == ""
    cat.unlink()
    assert not [each for each in there.kept() if each.suffix == ".run"]
    assert there.rescue("disks", data=large).returncode == 3, "the next one begins anew"


def test_a_connection_that_is_closed_while_the_program_runs(there: OtherSide, tmp_path: Path) -> None:
    program = tmp_path / "ends.run"
    program.write_text(HEAD + KILL.format(child="$$"))
    ended = there.rescue("disks", data=program)
    assert ended.returncode == Status.TARGET
    assert "the connection to root@server was closed in the middle" in ended.stderr
    program.write_text(HEAD + "exit 255\n")
    ended = there.rescue("shell", "/x", "--", "exit", "255", data=program)
    assert (ended.returncode, "closed" in ended.stderr) == (255, False), (
        "a status like ssh's own is no closed connection"
    )


def test_a_host_without_a_shell(there: OtherSide, shows: Path) -> None:
    passwd = there.path / "etc/passwd"
    passwd.write_text(re.sub(r"(?m)^(root:.*:)[^:]*$", r"\1/usr/sbin/nologin", passwd.read_text()))
    said = there.rescue("disks", data=shows)
    assert said.returncode == Status.TARGET
    assert "runs no commands: it says 'This account is currently not available.'" in said.stderr


def test_the_wrong_architecture_is_not_sent(there: OtherSide, tmp_path: Path) -> None:
    other = tmp_path / "other.run"
    other.write_text("#!/bin/sh\n# rescue 0.0 for riscv64: a test's\n")
    said = there.rescue("disks", data=other)
    assert said.returncode == Status.TARGET
    assert "other.run is for riscv64, and root@server is" in said.stderr
    assert there.kept() == []


def test_without_python_and_a_file_it_says_what_is_needed(there: OtherSide) -> None:
    said = there.rescue("disks")
    assert said.returncode == Status.TARGET
    assert "has no Python" in said.stderr
    assert "--via-file rescue-" in said.stderr


def test_another_host_key_is_explained(there: OtherSide, shows: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    (tmp_path / "known").write_text(f"{ADDRESS} {public}\n")
    said = there.rescue("disks", data=shows)
    assert said.returncode == Status.TARGET
    assert "A rescue system has another host key than the server itself" in said.stderr
    alias = there.environment["RESCUE_SSH"] + " -o HostKeyAlias=rescue-system"
    assert there.rescue("disks", data=shows, RESCUE_SSH=alias).returncode == 3


def test_a_refused_login_and_no_connection(there: OtherSide, shows: Path) -> None:
    (there.path / "root/.ssh/authorized_keys").write_text("")
    batch = there.environment["RESCUE_SSH"] + " -o BatchMode=yes"
    said = there.rescue("disks", data=shows, RESCUE_SSH=batch)
    assert (said.returncode, "refuses this login" in said.stderr) == (Status.TARGET, True)
    said = there.rescue("disks", data=shows, RESCUE_SSH=f"{batch} -p 2")
    assert (said.returncode, "Connection refused" in said.stderr) == (Status.TARGET, True)


def test_this_program_itself_is_sent_where_python_is_there(there: OtherSide) -> None:
    """And finds there what it finds here; the commands that it proposes are for this computer."""
    if sys.version_info[:2] != (3, 11) or not Path("/usr/bin/python3.11").exists():
        pytest.skip("the other side gets this machine's Python, which has to be Debian 12's")
    shutil.copy("/usr/bin/python3.11", there.path / "usr/bin/python3")
    ignored = shutil.ignore_patterns("__pycache__", "test", "idlelib", "lib2to3", "ensurepip", "dist-packages")
    shutil.copytree("/usr/lib/python3.11", there.path / "usr/lib/python3.11", ignore=ignored)
    for library in Path("/usr/lib/x86_64-linux-gnu").glob("lib*.so.*"):
        if library.name.startswith(LIBRARIES) and not (there.path / str(library)[1:]).exists():
            shutil.copy(library, there.path / str(library)[1:])
    real_root.make(there.path / "srv/server", server({"/etc/nologin": "closed\n"}))
    said = there.rescue("inspect", "/srv/server")
    assert said.returncode == Status.BROKEN, said.stderr + said.stdout
    assert "nologin" in said.stdout
    assert "-m rescue --via root@server fix" in said.stdout
    assert [each.suffix for each in there.kept()] == [".pyz"]
    again = there.rescue("inspect", "/srv/server", "--json")
    assert again.returncode == Status.BROKEN
    assert again.stderr == ""
    assert again.stdout.startswith("{")
    fixed = there.rescue("fix", "/srv/server", "--yes")
    assert fixed.returncode == Status.BROKEN, "there is a key that it can't judge"
    assert "Nothing wrong is left that could be found" in fixed.stdout
    assert not (there.path / "srv/server/etc/nologin").exists()
