"""Our reading of a journal file against the one that systemd-journald writes."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from rescue.logs.journal_file import JournalEntry, JournalFile
from tests.system.sshd_root import sshd_root

pytestmark = pytest.mark.system

JOURNALD = Path("/lib/systemd/systemd-journald")

START = r"""
set -eu
mount -t tmpfs run /run
mkdir -p /run/systemd/journal
mount -t tmpfs log /var/log
mkdir /var/log/journal
echo 3d1219c7c4c5404aaa1f6d2a48adfda4 > /run/machine-id
mount --bind /run/machine-id /etc/machine-id
"$1" &
journald=$!
while [ ! -S /run/systemd/journal/stdout ]; do sleep 0.05; done
touch /run/systemd/journal/flushed
"""
WRITE = (
    START
    + r"""
echo "ens3: Gained carrier" | systemd-cat
for number in $(seq 40); do echo "eth0: Gained carrier" | systemd-cat; done
printf 'eth9: Gained carrier %2000s\n' x | systemd-cat
journalctl --flush
journalctl --sync
cp /var/log/journal/*/system.journal "$2"
journalctl --output=json MESSAGE="eth0: Gained carrier" --output-fields=__REALTIME_TIMESTAMP | tail -n 1
kill $journald
"""
)


WRITE_ALL = (
    START
    + r"""
for number in $(seq 60); do echo "eth0: Gained carrier $((number % 7))" | systemd-cat -t "program$((number % 5))"; done
printf 'one field of %2000s bytes\n' many | systemd-cat
seq 2000 | tr '\n' ' ' | systemd-cat
printf 'not \377 UTF-8\n' | systemd-cat
journalctl --flush
journalctl --sync
cp /var/log/journal/*/system.journal "$2"
kill $journald
"""
)


@pytest.mark.parametrize("compact", ["0", "1"])
def test_every_entry_is_the_one_that_journalctl_shows(compact: str, tmp_path: Path) -> None:
    if not JOURNALD.exists() or shutil.which("systemd-cat") is None:
        pytest.skip("systemd-journald is not installed")
    copy = tmp_path / "system.journal"
    command = ["unshare", "--mount", "--propagation=private", "sh", "-c", WRITE_ALL, "sh", str(JOURNALD), str(copy)]
    environment = {**os.environ, "SYSTEMD_JOURNAL_COMPACT": compact}
    subprocess.run(command, capture_output=True, check=True, timeout=120, env=environment)
    shown = subprocess.run(
        ["journalctl", "--output=json", "--all", "--no-pager", f"--file={copy}"],
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = [_theirs(json.loads(line)) for line in shown.stdout.splitlines()]
    ours = [_ours(entry) for entry in JournalFile(copy.read_bytes()).entries()]
    assert len(ours) > 60
    assert ours[::-1] == theirs


IN_A_ROOT = r"""
set -eu
mount --bind "$1" "$1"
mount -t tmpfs run "$1/run"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --rbind /sys "$1/sys"
mount -t tmpfs log "$1/var/log"
mkdir -p "$1/run/systemd/journal" "$1/var/log/journal"
echo 3d1219c7c4c5404aaa1f6d2a48adfda4 > "$1/run/machine-id"
mount --bind "$1/run/machine-id" "$1/etc/machine-id"
chroot "$1" sh -c '
    /lib/systemd/systemd-journald &
    journald=$!
    while [ ! -S /run/systemd/journal/stdout ]; do sleep 0.05; done
    touch /run/systemd/journal/flushed
    for number in $(seq 60); do
        echo "eth0: Gained carrier $((number % 7))" | systemd-cat -t "program$((number % 5))"
    done
    seq 2000 | tr "\n" " " | systemd-cat
    journalctl --flush
    journalctl --sync
    journalctl --output=json --all --no-pager > /run/shown
    kill $journald
    wait $journald || :
'
cp "$1"/var/log/journal/*/system.journal "$2"
cat "$1/run/shown"
"""


@pytest.mark.parametrize("how", ["XZ", "LZ4", "ZSTD"])
def test_the_entries_of_a_newer_systemd_are_too_however_they_are_packed(how: str, tmp_path: Path) -> None:
    root = sshd_root("trixie").path
    if not (root / "usr/bin/systemd-cat").exists():
        pytest.skip("systemd-journald is not installed")
    copy = tmp_path / "system.journal"
    command = ["unshare", "--mount", "--propagation=private", "sh", "-c", IN_A_ROOT, "sh", str(root), str(copy)]
    environment = {**os.environ, "SYSTEMD_JOURNAL_COMPRESS": how}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    theirs = [_theirs(json.loads(line)) for line in ended.stdout.splitlines()]
    data = copy.read_bytes()
    ours = [_ours(entry) for entry in JournalFile(data).entries()][::-1]
    assert len(theirs) > 60
    # What was logged after journalctl had looked is in the file alone.
    assert ours[: len(theirs)] == theirs
    assert struct.unpack_from("<I", data, 12)[0] & {"XZ": 1, "LZ4": 2, "ZSTD": 8}[how]


def _ours(entry: JournalEntry) -> dict[str, list[bytes]]:
    assert entry.unread == 0
    made: dict[str, list[bytes]] = {
        "__REALTIME_TIMESTAMP": [str(entry.realtime).encode()],
        "__MONOTONIC_TIMESTAMP": [str(entry.monotonic).encode()],
    }
    for name, value in entry.fields:
        made.setdefault(name.decode(), []).append(value)
    return {name: sorted(values) for name, values in made.items()}


def _theirs(shown: dict[str, object]) -> dict[str, list[bytes]]:
    # What begins with "__" says where the entry is, but for its times.
    kept = {name: shown[name] for name in shown if not name.startswith("__") or name.endswith("_TIMESTAMP")}
    return {name: sorted(_values(value)) for name, value in kept.items()}


def _values(value: object) -> list[bytes]:
    """As journalctl(1) writes them: text, the numbers of bytes that are no text, or a list where there are several."""
    if isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        return [bytes(value)]
    if isinstance(value, list):
        return [found for each in value for found in _values(each)]
    return [str(value).encode()]


def test_a_journal_of_the_real_journald_is_read(tmp_path: Path) -> None:
    if not JOURNALD.exists() or shutil.which("systemd-cat") is None:
        pytest.skip("systemd-journald is not installed")
    copy = tmp_path / "system.journal"
    command = ["unshare", "--mount", "--propagation=private", "sh", "-c", WRITE, "sh", str(JOURNALD), str(copy)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    journal = JournalFile(copy.read_bytes())
    boot = bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", ""))
    found = {message.text: message for message in journal.messages(rb"\w+: Gained carrier", 100)}
    # What is compressed is passed over.
    assert set(found) == {"ens3: Gained carrier", "eth0: Gained carrier"}
    assert {message.boot for message in found.values()} == {journal.last_boot} == {boot}
    assert f'"{found["eth0: Gained carrier"].realtime}"' in ended.stdout
    assert found["ens3: Gained carrier"].realtime < found["eth0: Gained carrier"].realtime
