"""Our reading of a journal file against the one that systemd-journald writes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rescue.logs.journal_file import JournalFile

pytestmark = pytest.mark.system

JOURNALD = Path("/lib/systemd/systemd-journald")

WRITE = r"""
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
echo "ens3: Gained carrier" | systemd-cat
for number in $(seq 40); do echo "eth0: Gained carrier" | systemd-cat; done
printf 'eth9: Gained carrier %2000s\n' x | systemd-cat
journalctl --flush
journalctl --sync
cp /var/log/journal/*/system.journal "$2"
journalctl --output=json MESSAGE="eth0: Gained carrier" --output-fields=__REALTIME_TIMESTAMP | tail -n 1
kill $journald
"""


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
