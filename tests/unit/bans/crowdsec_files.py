"""CrowdSec and its bouncer for literal trees."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from rescue.tree import Entry, file, symlink
from tests.unit.bans.fail2ban_files import NOW

DATABASE = "/var/lib/crowdsec/data/crowdsec.db"

CONFIG = """\
common:
  log_level: info
config_paths:
  data_dir: /var/lib/crowdsec/data/
db_config:
  log_level: info
  type: sqlite
  db_path: /var/lib/crowdsec/data/crowdsec.db
  #max_open_conns: 100
  flush:
    max_items: 5000
"""

BOUNCER = """\
mode: nftables
api_url: http://127.0.0.1:8080/
disable_ipv6: false
deny_action: DROP   # or REJECT
iptables_chains:
  - INPUT
#  - FORWARD
"""

TABLE = """\
CREATE TABLE `decisions` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `created_at` datetime NULL,
`updated_at` datetime NULL, `until` datetime NULL, `scenario` text NOT NULL, `type` text NOT NULL,
`scope` text NOT NULL,
`value` text NOT NULL, `origin` text NOT NULL, `simulated` bool NOT NULL DEFAULT false);
"""

Row = tuple[str, float, str, str, str, bool]
"""Value, hours from now, scope, type, origin, simulated."""


def ban(value: str, hours: float = 4, scope: str = "Ip", kind: str = "ban", origin: str = "crowdsec",
        simulated: bool = False) -> Row:  # fmt: skip
    return (value, hours, scope, kind, origin, simulated)


def database(*bans: Row, now: datetime = NOW) -> bytes:
    made = sqlite3.connect(":memory:")
    made.executescript(TABLE)
    for value, hours, scope, kind, origin, simulated in bans:
        until = f"{now + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}+00:00"
        made.execute(
            "INSERT INTO decisions(until, scenario, type, scope, value, origin, simulated) VALUES (?,?,?,?,?,?,?)",
            (until, "crowdsecurity/ssh-bf", kind, scope, value, origin, simulated),
        )
    made.commit()
    return made.serialize()


def installed(*bans: Row, bouncer: str = BOUNCER) -> dict[str, Entry | str | bytes]:
    files: dict[str, Entry | str | bytes] = {
        "/etc/crowdsec/config.yaml": CONFIG,
        "/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml": bouncer,
        DATABASE: file(database(*bans), 0o640),
    }
    for name in ("crowdsec", "crowdsec-firewall-bouncer"):
        unit = f"/usr/lib/systemd/system/{name}.service"
        files[unit] = f"[Service]\nExecStart=/usr/bin/{name}\n[Install]\nWantedBy=multi-user.target\n"
        files[f"/etc/systemd/system/multi-user.target.wants/{name}.service"] = symlink(unit)
    return files
