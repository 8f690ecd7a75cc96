"""CSF and sshguard for literal trees."""

from __future__ import annotations

from rescue.tree import Entry, symlink

CONF = """\
# SECTION:Initial Settings
TESTING = "0"
TESTING_INTERVAL = "5"
TCP_IN = "20,21,22,25,30000:35000"
TCP_OUT = "20,21,22"
IPV6 = "1"
TCP6_IN = "22,80"
DROP = "DROP"
CC_DENY = ""
"""


def service(name: str) -> dict[str, Entry | str | bytes]:
    unit = f"/usr/lib/systemd/system/{name}.service"
    return {
        unit: f"[Service]\nExecStart=/usr/sbin/{name}\n[Install]\nWantedBy=multi-user.target\n",
        f"/etc/systemd/system/multi-user.target.wants/{name}.service": symlink(unit),
    }


def csf(conf: str = CONF, *, deny: str = "", allow: str = "127.0.0.1\n", temporary: str = "", **more: str
        ) -> dict[str, Entry | str | bytes]:  # fmt: skip
    return {
        **service("csf"),
        "/etc/csf/csf.conf": conf,
        "/etc/csf/csf.deny": deny,
        "/etc/csf/csf.allow": allow,
        "/var/lib/csf/csf.tempban": temporary,
        **more,
    }


def sshguard(blacklist: str, backend: str = "sshg-fw-nft-sets", more: str = "") -> dict[str, Entry | str | bytes]:
    return {
        **service("sshguard"),
        "/etc/sshguard/sshguard.conf":
            f'BACKEND="/usr/libexec/sshguard/{backend}"\nBLACKLIST_FILE="90:/var/lib/sshguard/enemies"\n{more}',
        "/var/lib/sshguard/enemies": blacklist,
    }  # fmt: skip
