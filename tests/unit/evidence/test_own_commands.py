"""Commands of a person's own that run when the server is up."""

from __future__ import annotations

import pytest

from rescue.tree import Entry, file, symlink
from tests.judging import Changes, gaps_of

pytestmark = pytest.mark.unit

SYSTEM = "/etc/systemd/system"


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("systemctl stop ssh", "service"),
        ("ip addr flush dev eth0", "network"),
        ("ip route del default", "network"),
        ("usermod -L alice", "account"),
        ("touch /etc/nologin", "account"),
        ("chmod 777 /home/alice", "key"),
        ("pkill sshd", "service"),
        ("mount -t tmpfs x /home", "key"),
        ("tc qdisc add dev eth0 root netem loss 100%", "firewall"),
    ],
)
def test_what_closes_the_door_late(command: str, step: str) -> None:
    assert (step, "own-commands") in gaps_of({"/etc/rc.local": file(f"#!/bin/sh\n{command}\n", 0o755)})


@pytest.mark.parametrize(
    "command",
    [
        "logger up",
        "date > /var/tmp/x",
        "mkdir -p /var/lib/app",
        "/opt/app/start",
        "echo hello",
        "rm -f /var/tmp/lock",
        "chown app /srv/app/data",
    ],
)
def test_what_does_not(command: str) -> None:
    assert gaps_of({"/etc/rc.local": file(f"#!/bin/sh\n{command}\n", 0o755)}) == []


def _timer(command: str) -> Changes:
    return {
        f"{SYSTEM}/own.service": f"[Service]\nType=oneshot\nExecStart={command}\n",
        f"{SYSTEM}/own.timer": "[Timer]\nOnBootSec=1s\n",
        "/usr/lib/systemd/system/timers.target": "[Unit]\n",
        "/usr/lib/systemd/system/basic.target": "[Unit]\nWants=timers.target\n",
        f"{SYSTEM}/timers.target.wants/own.timer": symlink(f"{SYSTEM}/own.timer"),
    }


def test_a_timer_of_ones_own() -> None:
    assert ("service", "own-commands") in gaps_of(_timer("/bin/systemctl stop ssh"))
    assert gaps_of(_timer("/bin/true")) == []


def test_a_script_in_any_language_that_a_unit_starts() -> None:
    script = file("import os\nos.system('systemctl stop ssh')\n")
    assert ("service", "own-commands") in gaps_of({**_timer("/usr/bin/python3 /opt/x.py"), "/opt/x.py": script})
    assert gaps_of({**_timer("/usr/bin/python3 /opt/x.py"), "/opt/x.py": file("print(1)\n")}) == []


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("z /home/alice 0777", "key"),
        ("f /run/nologin", "account"),
        ("R /run/sshd", "service"),
        ("z / 0777", "key"),
        ("r /etc/ssh/ssh_host_rsa_key", "service"),
        ("z /dev/null 0600", "session"),
    ],
)
def test_files_that_a_boot_changes(line: str, step: str) -> None:
    assert (step, "own-commands") in gaps_of({"/etc/tmpfiles.d/own.conf": line + "\n"})


def test_a_directory_of_ones_own() -> None:
    assert gaps_of({"/etc/tmpfiles.d/own.conf": "d /run/app 0755 root root\nd /var/lib/app 0750\n"}) == []


def _cron(line: str) -> list[tuple[str, str]]:
    unit = "/usr/lib/systemd/system/cron.service"
    started: dict[str, Entry | str] = {
        unit: "[Service]\n",
        "/etc/systemd/system/multi-user.target.wants/cron.service": symlink(unit),
    }
    return gaps_of({**started, "/etc/cron.d/own": line + "\n"})


def test_what_cron_does_again_and_again() -> None:
    assert _cron("* * * * * root systemctl stop ssh") == [("service", "own-commands")]
    assert _cron("*/5 * * * * root /usr/sbin/nft -f /etc/closed.nft") == [("firewall", "own-commands")]
    assert _cron("17 3 * * * root tar czf /srv/backup.tgz /home") == []
    assert _cron("0 4 * * * root certbot renew --deploy-hook 'systemctl reload nginx'") == []


def test_units_that_have_nothing_to_do_with_the_way_in() -> None:
    assert (
        gaps_of({"/etc/rc.local": file("#!/bin/sh\nsystemctl restart nginx\nsystemctl is-active ssh\n", 0o755)}) == []
    )
