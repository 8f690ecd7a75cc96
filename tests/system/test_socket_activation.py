"""A broken sshd behind a socket that systemd listens on, as systemd's own program for it has it."""

import re
import socket
import subprocess
from pathlib import Path

import pytest

from rescue.labs.machines.ssh import SAYINGS
from rescue.model import Symptom

pytestmark = pytest.mark.system


@pytest.mark.parametrize("options", [("-o", "Prot=22"), ("-h", "/nowhere")], ids=["bad setting", "no host key"])
def test_the_client_is_let_in_and_turned_out(tmp_path: Path, options: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "config").write_text("")
    listening = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "--accept", "--inetd"]
    with subprocess.Popen(
        [*listening, "/usr/sbin/sshd", "-i", "-f", str(tmp_path / "config"), *options],
        stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stderr is not None
            assert "Listening on" in server.stderr.readline()
            tried = subprocess.run(
                ["ssh", "-F", "none", "-o", "BatchMode=yes", "-p", str(port), "127.0.0.1"],
                capture_output=True, text=True, timeout=30, check=False,
            )  # fmt: skip
        finally:
            server.terminate()
    assert next(symptom for saying, symptom in SAYINGS if re.search(saying, tried.stderr)) == Symptom.CLOSED
