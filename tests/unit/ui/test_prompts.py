"""Questions are answered with a digit at every console, and never by a pipe."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.unit

ASK = """
from rescue.ui.prompts import Cancellation, NobodyToAsk, asker
try:
    print("TOOK", asker().choose("Which one?", ["first", "second", "third"]))
except Cancellation:
    print("CANCELLED")
except NobodyToAsk:
    print("NOBODY")
except KeyboardInterrupt:
    print("INTERRUPTED")
"""

PATIENCE = 60
"""Seconds until a program that says nothing is given up: generous, nothing is measured."""


def at_a_terminal(term: str, keys: bytes) -> str:
    """What the program prints at a terminal of type `term` when `keys` are typed after its question."""
    child, master = pty.fork()
    if child == 0:
        os.environ["TERM"] = term
        os.execv(sys.executable, [sys.executable, "-c", ASK])
    seen, typed = b"", False
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if not select.select([master], [], [], 0.5)[0]:
            # Typed once the whole menu stands there.
            if b"third" in seen and not typed:
                os.write(master, keys)
                typed = True
            continue
        try:
            more = os.read(master, 65536)
        except OSError:
            break
        if not more:
            break
        seen += more
    os.close(master)
    os.waitpid(child, 0)
    return seen.decode("utf-8", "replace")


@pytest.mark.parametrize("term", ["linux", "vt100", "xterm", "dumb"])
def test_a_digit_and_enter_take_an_option(term: str) -> None:
    assert "TOOK 1" in at_a_terminal(term, b"2\r")


def test_a_dumb_terminal_gets_no_escape_sequence() -> None:
    assert "\x1b" not in at_a_terminal("dumb", b"2\r")


def test_nonsense_is_asked_again_on_a_plain_line() -> None:
    shown = at_a_terminal("dumb", b"9\rx\r3\r")
    assert "Type a number from 1 to 3" in shown
    assert "TOOK 2" in shown


@pytest.mark.parametrize("term", ["linux", "dumb"])
@pytest.mark.parametrize("keys", [b"0\r", b"q\r"])
def test_0_and_q_leave_every_list(term: str, keys: bytes) -> None:
    shown = at_a_terminal(term, keys)
    assert "CANCELLED" in shown
    assert "TOOK" not in shown


@pytest.mark.parametrize("term", ["linux", "dumb"])
def test_ctrl_c_cancels(term: str) -> None:
    shown = at_a_terminal(term, b"\x03")
    assert "CANCELLED" in shown or "INTERRUPTED" in shown
    assert "TOOK" not in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("given", [b"", b"\n", b"1\n"])
def test_a_pipe_never_answers(given: bytes) -> None:
    done = subprocess.run([sys.executable, "-c", ASK], input=given, capture_output=True, check=False)
    assert done.stdout.strip() == b"NOBODY"
