"""A server's root brought up without a boot: its own firewall and its own sshd, alone with a client on a wire.

What starts is what systemd would start, asked of the server's own systemctl: ufw, netfilter-persistent, nftables,
/etc/rc.local, firewalld (with a message bus of its own), ssh, fail2ban, sshguard, and CrowdSec with its bouncer. All of
it runs in namespaces of its own (network, mount, process), so that this computer sees nothing of it; and on a layer of
its own, so that the root does not either, unless it is asked to.

systemd itself does not run: `systemctl enable` works there, `systemctl restart` says that it is ignored.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rescue.labs.errors import LabError
from rescue.labs.machines.console import Ended, ended
from rescue.labs.machines.network import ADDRESS, ADDRESS6, CLIENT, CLIENT6, PREFIX, PREFIX6, Namespace
from rescue.labs.machines.ssh import TALKATIVE, Attempt, asked_for_password, attempt, write_config
from rescue.targets.host.pdeathsig import tied

UP = r"""
set -eu
root=$1 lower=$2 place=$3
mount --make-rprivate /
if [ -n "$place" ]; then
    mount -t tmpfs layer "$place"
    mkdir "$place/upper" "$place/work"
    chmod 755 "$place/upper"
    mount -t overlay -o "lowerdir=$lower,upperdir=$place/upper,workdir=$place/work" overlay "$root"
else
    mount --bind "$lower" "$root"
fi
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root/run/sshd" "$root/run/lock"
starts() { [ "$(chroot "$root" systemctl is-enabled "$1" 2>/dev/null)" = enabled ]; }
starts ufw.service && chroot "$root" /lib/ufw/ufw-init start || true
starts netfilter-persistent.service && chroot "$root" /usr/sbin/netfilter-persistent start || true
starts nftables.service && chroot "$root" /usr/sbin/nft -f /etc/nftables.conf || true
[ -x "$root/etc/rc.local" ] && chroot "$root" /etc/rc.local start || true
if starts firewalld.service; then
    mkdir -p "$root/run/dbus"
    chroot "$root" dbus-daemon --system --fork --nopidfile
    chroot "$root" /usr/sbin/firewalld --nofork --nopid &
    firewalld=$!
    # Status 252 is "not running"; 251, "failed", is an answer, too (firewall-cmd(1)).
    while kill -0 $firewalld 2>/dev/null; do
        told=0
        chroot "$root" firewall-cmd --state >/dev/null 2>&1 || told=$?
        [ $told = 252 ] || break
        sleep 0.1
    done
fi
if starts ssh.service && [ ! -e "$root/etc/ssh/sshd_not_to_be_run" ] && chroot "$root" /usr/sbin/sshd -t; then
    # /etc/default/ssh is sourced as systemd reads it: assignments only.
    options=$(sed -n 's/^SSHD_OPTS=//p' "$root/etc/default/ssh" | tr -d '"')
    chroot "$root" /usr/sbin/sshd -D -e $options &
    sshd=$!
    # State 0A of /proc/net/tcp is LISTEN.
    # An sshd for IPv6 alone has its socket in tcp6; else IPv4's comes first.
    while kill -0 $sshd 2>/dev/null && ! cat "$root/proc/net/tcp" "$root/proc/net/tcp6" | grep -q ' 0A '; do
        sleep 0.02
    done
fi
if starts fail2ban.service; then
    mkdir -p "$root/run/fail2ban"
    chroot "$root" /usr/bin/fail2ban-server -xf start &
    fail2ban=$!
    while kill -0 $fail2ban 2>/dev/null && ! chroot "$root" fail2ban-client status sshd >/dev/null 2>&1; do
        sleep 0.1
    done
    # A thread of its own brings the old bans back, and does not say when it has. Those that are not due are left alone.
    waited=0
    while chroot "$root" python3 -c "$BANS" && [ $waited -lt 50 ] &&
        ! chroot "$root" nft list ruleset | grep -Eq 'elements = |saddr [0-9a-f].* (reject|drop)'; do
        waited=$((waited + 1))
        sleep 0.1
    done
fi
# What bans is waited for until it has banned again whom its list or its database names.
banned() { chroot "$root" nft list ruleset | grep -q 'elements = '; }
if starts sshguard.service; then
    chroot "$root" nft add table ip sshguard
    chroot "$root" nft add table ip6 sshguard
    chroot "$root" /usr/sbin/sshguard &
    list=$(sed -n 's/^BLACKLIST_FILE=[0-9]*://p' "$root/etc/sshguard/sshguard.conf" | tail -n 1)
    waited=0
    while [ -n "$list" ] && [ -s "$root$list" ] && ! banned && [ $waited -lt 50 ]; do
        waited=$((waited + 1))
        sleep 0.1
    done
fi
if starts crowdsec.service; then
    chroot "$root" /usr/bin/crowdsec -c /etc/crowdsec/config.yaml &
    waited=0
    while ! chroot "$root" cscli lapi status >/dev/null 2>&1 && [ $waited -lt 100 ]; do
        waited=$((waited + 1))
        sleep 0.1
    done
    if starts crowdsec-firewall-bouncer.service; then
        chroot "$root" /usr/bin/crowdsec-firewall-bouncer -c /etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml &
        waited=0
        while chroot "$root" cscli decisions list -o raw | grep -q ',ban,' && ! banned && [ $waited -lt 100 ]; do
            waited=$((waited + 1))
            sleep 0.1
        done
    fi
fi
echo up
exec sleep infinity
"""

BANS = """
import sqlite3, sys, time
bans = sqlite3.connect("file:/var/lib/fail2ban/fail2ban.sqlite3?mode=ro", uri=True)
query = "select count(*) from bips where bantime < 0 or timeofban + bantime > ?"
sys.exit(bans.execute(query, (time.time(),)).fetchone()[0] == 0)
"""
"""Asks fail2ban's database, with the server's own Python, whether there are bans to come back: status 0 if so."""

ATTEMPT_LIMIT = 20.0

PATIENCE = 4
"""Seconds that the client waits for a connection. The kernel takes 3 to find that nobody has an address."""

BANNER_PATIENCE = 10
"""Seconds that it waits where the connection is there: a server with libwrap takes 5 to close it (hosts_access(5))."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that is up, with a client beside it."""

    client: Namespace
    config: Path
    log: Path
    root: Path
    """Where its root directory is mounted, in its own mount namespace."""
    pid: int
    """A process of it, as this computer counts them."""

    def login(self, user: str = "root", *, port: int = 22, family: int = 4, password: str = "") -> Attempt:
        """A real ssh from the client, over IPv4 or IPv6: ``echo in`` on the server. password: what it is answered with
        where the server asks for one.
        """
        seen = self._attempt(user, port, family, PATIENCE, password)
        if "during banner exchange" in seen.errors:
            return self._attempt(user, port, family, BANNER_PATIENCE, password)
        return seen

    def _attempt(self, user: str, port: int, family: int, patience: int, password: str) -> Attempt:
        host = ADDRESS if family == 4 else ADDRESS6
        dialled = ["-o", f"HostName={host}", "-o", f"ConnectTimeout={patience}", "-p", str(port), "-l", user]
        options, answers = asked_for_password(self.config, password)
        command = self.client.command(
            "ssh", "-F", str(self.config), *options, *TALKATIVE, *dialled, "server", "echo in"
        )
        return attempt(command, ATTEMPT_LIMIT, answers)

    def console(self, script: str) -> Ended:
        """Run a script as root on the server, as in a web console: it needs no login, and sees what runs there.

        script: POSIX shell, which stops at the first failure. Raises LabError if it does not end.
        """
        inside = ["nsenter", "-t", str(self.pid), "--net", "--mount", "--pid", "--", "chroot", str(self.root)]
        return ended([*inside, "sh", "-eu", "-s"], script)

    @property
    def said(self) -> str:
        """What the server's programs printed while they started, and sshd since."""
        return self.log.read_text(errors="replace")


@contextmanager
def running(root: Path, key: Path, *, client: str = CLIENT, layer: bool = True) -> Iterator[RunningServer]:
    """Bring the root up, with a client at the address `client`, which may be any of the server's own net.

    key: the private key that the client holds. layer: false where what the server writes shall stay in `root`. Needs
    root; raises LabError where namespaces can't be made.
    """
    with tempfile.TemporaryDirectory(prefix="rescue-run-") as place, Namespace() as wire_end:
        here = Path(place)
        for name in ("root", "layer"):
            (here / name).mkdir()
        config, log = here / "ssh_config", here / "log"
        write_config(config, ADDRESS, 22, "root", key)
        server = subprocess.Popen(
            tied("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--",
                 "sh", "-c", WAIT_FOR_WIRE + UP, "sh", str(here / "root"), str(root),
                 str(here / "layer") if layer else ""),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("ab"), text=True,
            env=dict(os.environ, BANS=BANS),
        )  # fmt: skip
        try:
            assert server.stdin is not None
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                raise LabError(f"no namespaces can be made here: {log.read_text()}", "This needs root.")
            _wire(wire_end, server.pid, client)
            server.stdin.write("go\n")
            server.stdin.flush()
            _wait_until_up(server.stdout, log)
            yield RunningServer(wire_end, config, log, here / "root", _child(server.pid))
        finally:
            server.kill()
            server.wait()


def _child(unshare: int) -> int:
    """The process that unshare(1) has started: the first of its process namespace."""
    return int(Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()[0])


WAIT_FOR_WIRE = """
ip link set lo up
echo ready
read -r go
"""


def _wait_until_up(stream: IO[str], log: Path) -> None:
    """Read what the server's programs print, to the line that says that all were started."""
    with log.open("a") as kept:
        while (line := stream.readline()) != "up\n":
            if not line:
                raise LabError(f"the server did not come up:\n{log.read_text()}")
            kept.write(line)


def _wire(client: Namespace, server: int, address: str) -> None:
    """A pair of network cards between the client and the server whose process is `server`."""
    inside = ["nsenter", f"--net=/proc/{server}/ns/net", "--"]
    client.run("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "eth0", "netns", str(server))
    client.run("ip", "address", "add", f"{address}/{PREFIX}", "dev", "wire0")
    # Without "nodad" an address can't be used before nobody else has claimed it, for a second.
    client.run("ip", "address", "add", f"{CLIENT6}/{PREFIX6}", "dev", "wire0", "nodad")
    client.run("ip", "link", "set", "wire0", "up")
    subprocess.run([*inside, "ip", "address", "add", f"{ADDRESS}/{PREFIX}", "dev", "eth0"], check=True)
    subprocess.run([*inside, "ip", "address", "add", f"{ADDRESS6}/{PREFIX6}", "dev", "eth0", "nodad"], check=True)
    subprocess.run([*inside, "ip", "link", "set", "eth0", "up"], check=True)
    _wait_for_carrier(client)


def _wait_for_carrier(client: Namespace) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        told = subprocess.run(
            client.command("ip", "-o", "link", "show", "wire0"), capture_output=True, text=True, check=True
        )
        if "state UP" in told.stdout:
            return
        time.sleep(0.01)
    raise LabError("the wire between the server and its client does not come up")
