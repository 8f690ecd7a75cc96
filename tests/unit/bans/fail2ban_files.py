"""A fail2ban for literal trees: the parts of its own files that matter, and databases of the shape it makes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime

from rescue.tree import Entry, file, symlink

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATABASE = "/var/lib/fail2ban/fail2ban.sqlite3"

JAIL_CONF = """\
[INCLUDES]
before = paths-debian.conf
[DEFAULT]
ignorecommand =
bantime  = 10m
backend = auto
enabled = false
filter = %(__name__)s[mode=normal]
protocol = tcp
chain = <known/chain>
port = 0:65535
banaction = iptables-multiport
banaction_allports = iptables-allports
action_ = %(banaction)s[port="%(port)s", protocol="%(protocol)s", chain="%(chain)s"]
action = %(action_)s
[sshd]
port    = ssh
logpath = %(sshd_log)s
[nginx-http-auth]
port = http,https
[recidive]
banaction = %(banaction_allports)s
bantime = 1w
"""

IPTABLES = """\
[Definition]
type = oneport
actionstart = <iptables> -N f2b-<name>
              <_ipt_add_rules>
actionban = <iptables> -I f2b-<name> 1 -s <ip> -j <blocktype>
actionunban = <iptables> -D f2b-<name> -s <ip> -j <blocktype>
pre-rule =
rule-jump = -j <_ipt_rule_target>
_ipt_add_rules = { %(_ipt_check_rule)s >/dev/null 2>&1; } || { <iptables> -I <chain> %(_ipt_chain_rule)s; }
_ipt_chain_rule = <pre-rule><ipt_<type>/_chain_rule>
_ipt_check_rule = <iptables> -C <chain> %(_ipt_chain_rule)s
_ipt_rule_target = f2b-<name>
[ipt_oneport]
_chain_rule = -p <protocol> --dport <port> <rule-jump>
[ipt_multiport]
_chain_rule = -p <protocol> -m multiport --dports <port> <rule-jump>
[ipt_allports]
_chain_rule = -p <protocol> <rule-jump>
[Init]
chain = INPUT
name = default
port = ssh
protocol = tcp
blocktype = REJECT --reject-with icmp-port-unreachable
iptables = iptables <lockingopt>
lockingopt = -w
[Init?family=inet6]
blocktype = REJECT --reject-with icmp6-port-unreachable
"""

TABLES = """\
CREATE TABLE fail2banDb(version INTEGER);
CREATE TABLE jails(name TEXT NOT NULL UNIQUE, enabled INTEGER NOT NULL DEFAULT 1);
CREATE TABLE logs(jail TEXT NOT NULL, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER DEFAULT 0, UNIQUE(jail, path));
CREATE TABLE bans(jail TEXT NOT NULL, ip TEXT, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,
    bancount INTEGER NOT NULL default 1, data JSON);
CREATE INDEX bans_jail_ip ON bans(jail, ip);
CREATE TABLE bips(ip TEXT NOT NULL, jail TEXT NOT NULL, timeofban INTEGER NOT NULL, bantime INTEGER NOT NULL,
    bancount INTEGER NOT NULL default 1, data JSON, PRIMARY KEY(ip, jail));
INSERT INTO fail2banDb VALUES (4);
INSERT INTO logs VALUES ('sshd', '/var/log/auth.log', 'abc', 4711);
"""

Row = tuple[str, str, int, int]
"""Jail, address, minutes ago, and seconds of the ban."""


def database(*bans: Row, at: datetime = NOW) -> bytes:
    made = sqlite3.connect(":memory:")
    made.executescript(TABLES)
    for jail, address, minutes, seconds in bans:
        since = int(at.timestamp()) - 60 * minutes
        made.execute("INSERT INTO bips VALUES (?, ?, ?, ?, 1, '{}')", (address, jail, since, seconds))
        made.execute("INSERT INTO bans VALUES (?, ?, ?, ?, 1, '{}')", (jail, address, since, seconds))
    made.commit()
    return made.serialize()


def addresses(data: bytes, table: str = "bips") -> list[str]:
    held = sqlite3.connect(":memory:")
    held.deserialize(data[:18] + b"\1\1" + data[20:])  # the mark of a write-ahead log is not for memory
    return [row[0] for row in held.execute(f"SELECT ip FROM {table} ORDER BY ip")]


def installed(bans: Iterable[Row] = (), *, local: str = "[sshd]\nenabled = true\n") -> dict[str, Entry | str | bytes]:
    """fail2ban, started at boot, with its jail for sshd and a database."""
    return {
        "/etc/fail2ban/fail2ban.conf": f"[DEFAULT]\nloglevel = INFO\n[Definition]\ndbfile = {DATABASE}\n",
        "/etc/fail2ban/jail.conf": JAIL_CONF,
        "/etc/fail2ban/paths-debian.conf": "[DEFAULT]\nsshd_log = /var/log/auth.log\n",
        "/etc/fail2ban/jail.d/defaults-debian.conf": "[sshd]\nenabled = true\n",
        "/etc/fail2ban/jail.local": local,
        "/etc/fail2ban/action.d/iptables.conf": IPTABLES,
        "/etc/fail2ban/action.d/iptables-multiport.conf":
            "[INCLUDES]\nbefore = iptables.conf\n[Definition]\ntype = multiport\n",
        "/etc/fail2ban/action.d/iptables-allports.conf":
            "[INCLUDES]\nbefore = iptables.conf\n[Definition]\ntype = allports\n",
        "/usr/lib/systemd/system/fail2ban.service":
            "[Service]\nExecStart=/usr/bin/fail2ban-server -xf start\n[Install]\nWantedBy=multi-user.target\n",
        "/etc/systemd/system/multi-user.target.wants/fail2ban.service":
            symlink("/usr/lib/systemd/system/fail2ban.service"),
        "/var/log/auth.log": "",
        DATABASE: file(database(*bans), 0o600),
    }  # fmt: skip
