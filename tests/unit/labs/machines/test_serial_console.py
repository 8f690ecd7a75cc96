"""The console's two sides talking to each other: our end of the wire, and the machine's script on a pseudo-terminal."""

import os
import pty
import select
import socket
import subprocess
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.labs.machines.serial_console import LISTENER, LONGEST, READY, ConsoleError, run, shell

pytestmark = pytest.mark.unit

LIMIT = 60.0


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Path]:
    """A socket behind which the machine's script listens, as behind QEMU's serial line."""
    master, slave = pty.openpty()
    first = tmp_path / "first-line"
    script = LISTENER.replace("/dev/ttyS1", os.ttyname(slave)).replace("/dev/ttyS0", str(first))
    script = script.replace("/run/lab/script", str(tmp_path / "script")).replace("cd /root", f"cd {tmp_path}")
    machine = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    while not (first.exists() and READY in first.read_text()):
        assert machine.poll() is None
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "console"))
    server.listen()
    wire = threading.Thread(target=_carry, args=(server, master), daemon=True)
    wire.start()
    yield tmp_path / "console"
    machine.kill()
    machine.wait()
    # Both wake the thread that carries.
    server.shutdown(socket.SHUT_RDWR)
    os.close(slave)
    wire.join(10)
    server.close()
    os.close(master)


def _carry(server: socket.socket, line: int) -> None:
    """Carry bytes between one client after the other and the line, until the server's socket is shut."""
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            while True:
                readable, _, _ = select.select([client.fileno(), line], [], [])
                if client.fileno() in readable:
                    if not (data := client.recv(4096)):
                        break
                    _write(line, data)
                if line in readable:
                    try:
                        client.sendall(os.read(line, 4096))
                    except OSError:
                        break


def _write(line: int, data: bytes) -> None:
    while data:
        data = data[os.write(line, data) :]


def test_a_script_tells_its_output_and_its_status(console: Path) -> None:
    ended = run(console, "echo first\necho second >&2\nexit 3\n", LIMIT)
    assert (ended.status, ended.output) == (3, "first\nsecond\n")


def test_a_script_stops_at_its_first_failure(console: Path) -> None:
    ended = run(console, "false\necho not reached\n", LIMIT)
    assert (ended.status, ended.output) == (1, "")


def test_one_script_follows_another(console: Path) -> None:
    assert [run(console, f"echo {number}", LIMIT).output for number in range(3)] == ["0\n", "1\n", "2\n"]


def test_no_byte_means_anything_to_the_line(console: Path) -> None:
    said = "".join(chr(number) for number in (1, 3, 4, 13, 17, 19, 26, 28)) + "äöü"
    ended = run(console, f"printf %s '{said}' | od -An -tx1 | tr -d ' \\n'; echo", LIMIT)
    assert bytes.fromhex(ended.output.strip()) == said.encode()


def test_a_script_has_no_input_so_that_none_waits_for_an_answer(console: Path) -> None:
    assert run(console, "read -r answer || echo nobody", LIMIT).output == "nobody\n"


def test_a_long_script_arrives_whole(console: Path) -> None:
    filler = "".join(f": {number:060}\n" for number in range(800))
    assert len(filler) < LONGEST
    assert run(console, f"{filler}echo end", LIMIT).output == "end\n"


def test_a_script_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="too long"):
        run(tmp_path / "console", ":" * (LONGEST + 1), LIMIT)


def test_a_script_that_does_not_end_is_told_with_what_it_printed(console: Path) -> None:
    with pytest.raises(ConsoleError, match="so far"):
        run(console, "echo so far; sleep 5", 0.5)


def typed(console: Path, tmp_path: Path, *keys: bytes) -> tuple[int | None, str]:
    """What a shell's status is, and what it showed, with a terminal on which all of that is typed at once."""
    keyboard, inside = pty.openpty()
    before = termios.tcgetattr(inside)
    _write(keyboard, b"".join(keys))
    with (tmp_path / "screen").open("wb+") as screen:
        status = shell(console, inside, screen.fileno())
        screen.seek(0)
        shown = screen.read().decode()
    assert termios.tcgetattr(inside) == before
    os.close(inside)
    os.close(keyboard)
    return status, shown


def test_a_shell_on_the_console_is_one_on_a_terminal_and_tells_its_status(console: Path, tmp_path: Path) -> None:
    status, shown = typed(console, tmp_path, b"tty >/dev/null && echo a $((6 * 7)) terminal\r", b"exit 7\r")
    assert status == 7
    assert "a 42 terminal" in shown
    assert "lab: shell" not in shown


def test_a_shell_is_left_while_it_hangs(console: Path, tmp_path: Path) -> None:
    assert typed(console, tmp_path, b"sleep 600\r", b"\x1d")[0] is None


def test_commands_may_be_piped_to_a_shell_and_a_script_follows_it(console: Path, tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"echo $((2 * 21)) piped\nfalse\n")
    os.close(theirs)
    with (tmp_path / "screen").open("wb+") as screen:
        assert shell(console, ours, screen.fileno()) == 1
        screen.seek(0)
        assert b"42 piped" in screen.read()
    os.close(ours)
    assert run(console, "echo after", LIMIT).output == "after\n"
