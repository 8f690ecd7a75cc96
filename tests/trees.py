"""Literal trees for tests: a healthy Debian 12 server, to be broken in one place."""

from __future__ import annotations

from collections.abc import Mapping

from rescue.tree import Entry, FileSystem, Tree, directory, file, symlink

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7Yc0gD1gYPvX5b3b2jP7mMZyoNqmOP1cFzO3jJw8cA"
"""A well-formed public key of nobody."""

PASSWORD_HASH = "$y$j9T$Q0hXgfLyGq1cIu3Oa5Wd1.$3nqXc2XSHm0b7wT5oCkJcQm3yS7Yd1m2o0dCwK3vF4B"
"""A whole yescrypt hash, of no password that anybody knows."""

GIB = 1 << 30

HOST_KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACCe2HNIA9YGD71+W929oz+5jGcqDapjj9XBczt4ycPHAAAAAJAAAAAAAAAA\n"
    "AAAAAAtzc2gtZWQyNTUxOQAAACCe2HNIA9YGD71+W929oz+5jGcqDapjj9XBczt4ycPHAA\n"
    "AAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAJ7Yc0gD1gYPvX5b3b2jP7mM\n"
    "ZyoNqmOP1cFzO3jJw8cAAAAACm5vYm9keUBsYWIBAgM=\n"
    "-----END OPENSSH PRIVATE KEY-----\n"
)
"""A key file of the right form, made of zeros: it opens nothing."""

RSA_HOST_KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdz\n"
    "c2gtcnNhAAAAAwEAAQAAAQEAti/HOCjf62jX21hjYNP0tAtolpqsTgwylHXEuzpn\n"
    "ImSs1FPyfBMrqwtiwfks0n0LjEMA5L3imbOddr74qgujfCI3Rax2E587MObAC9zb\n"
    "daWvLyxkz9Si7UCpsZSOLklgvFY162M0+r2JYse+6FXGIyRsvVikDK6nHmo1GcrI\n"
    "3AMgaf1Zu/KxnrBzmjEj/DBiTXdEW08A1JN1w3+MUpaegLI9svTEIFCLw6hneZAS\n"
    "/pdFHqvYzRriRJCf59IzdcQPNuPTJ9EaK3wJeS7D1lsisN0AU3Yp7L3H2USh2+Sk\n"
    "jWvmpZCzCBm2Koc0zXvUpYLi10mIppRu9TE67htJzw36VQAAA7gAAAAAAAAAAAAA\n"
    "AAdzc2gtcnNhAAABAQC2L8c4KN/raNfbWGNg0/S0C2iWmqxODDKUdcS7OmciZKzU\n"
    "U/J8EyurC2LB+SzSfQuMQwDkveKZs512vviqC6N8IjdFrHYTnzsw5sAL3Nt1pa8v\n"
    "LGTP1KLtQKmxlI4uSWC8VjXrYzT6vYlix77oVcYjJGy9WKQMrqceajUZysjcAyBp\n"
    "/Vm78rGesHOaMSP8MGJNd0RbTwDUk3XDf4xSlp6Asj2y9MQgUIvDqGd5kBL+l0Ue\n"
    "q9jNGuJEkJ/n0jN1xA8249Mn0RorfAl5LsPWWyKw3QBTdinsvcfZRKHb5KSNa+al\n"
    "kLMIGbYqhzTNe9SlguLXSYimlG71MTruG0nPDfpVAAAAAwEAAQAAAQAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "gQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIEAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQID\n"
    "-----END OPENSSH PRIVATE KEY-----\n"
)
"""The same of RSA, with 2,048 bits."""

PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0" + bytes(44)
"""A program for x86-64 that needs no library, and does nothing."""

SSHD_CONFIG = """\
# made for tests, in the shape of Debian's

Include /etc/ssh/sshd_config.d/*.conf

#Port 22
#PermitRootLogin prohibit-password
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem\tsftp\t/usr/lib/openssh/sftp-server
"""

SSH_SERVICE = """\
[Unit]
Description=OpenBSD Secure Shell server
After=network.target auditd.service
ConditionPathExists=!/etc/ssh/sshd_not_to_be_run

[Service]
EnvironmentFile=-/etc/default/ssh
ExecStartPre=/usr/sbin/sshd -t
ExecStart=/usr/sbin/sshd -D $SSHD_OPTS
ExecReload=/usr/sbin/sshd -t
Restart=on-failure
RestartPreventExitStatus=255
Type=notify
RuntimeDirectory=sshd

[Install]
WantedBy=multi-user.target
Alias=sshd.service
"""

SSH_SOCKET = """\
[Unit]
Description=OpenBSD Secure Shell server socket
Before=sockets.target
ConditionPathExists=!/etc/ssh/sshd_not_to_be_run

[Socket]
ListenStream=22
Accept=no

[Install]
WantedBy=sockets.target
"""

DPKG_STATUS = """\
Package: openssh-server
Status: install ok installed
Architecture: amd64
Source: openssh
Version: 1:9.2p1-2+deb12u6

Package: ufw
Status: install ok installed
Version: 0.36.2-1
"""


DHCPCD_STARTS = "/etc/systemd/system/multi-user.target.wants/dhcpcd.service"


def healthy() -> dict[str, Entry | str | bytes]:
    """The files of a Debian 12 server on which root and alice (uid 1000) can log in with `KEY`; no firewall is on."""
    return {
        "/etc/os-release": symlink("../usr/lib/os-release"),
        "/usr/lib/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "/lib": symlink("usr/lib"),
        "/bin": symlink("usr/bin"),
        "/sbin": symlink("usr/sbin"),
        "/usr/bin/bash": file("ELF", 0o755),
        "/usr/bin/sh": symlink("bash"),
        "/usr/sbin/nologin": file("ELF", 0o755),
        "/usr/sbin/sshd": file(PROGRAM, 0o755),
        "/usr/lib/openssh/sshd-session": file(PROGRAM, 0o755),
        "/usr/lib/openssh/sshd-auth": file(PROGRAM, 0o755),
        "/etc/hostname": "lab\n",
        "/etc/passwd": (
            "root:x:0:0:root:/root:/bin/bash\n"
            "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
            "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"
            "alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash\n"
        ),
        "/etc/shadow": file(
            "root:*:19700:0:99999:7:::\ndaemon:*:19700:0:99999:7:::\nsshd:!:19700::::::\nalice:!:19700:0:99999:7:::\n",
            0o640,
            0,
            42,
        ),
        "/etc/group": "root:x:0:\ndaemon:x:1:\nsudo:x:27:alice\nshadow:x:42:\nusers:x:100:\nalice:x:1000:\n",
        "/etc/shells": "/bin/sh\n/bin/bash\n",
        "/etc/ssh/sshd_config": SSHD_CONFIG,
        "/etc/ssh/sshd_config.d": directory(),
        "/etc/ssh/ssh_host_ed25519_key": file(HOST_KEY, 0o600),
        "/etc/ssh/ssh_host_ed25519_key.pub": KEY + " root@lab\n",
        "/etc/systemd/system/multi-user.target.wants/ssh.service": symlink("/lib/systemd/system/ssh.service"),
        "/etc/systemd/system/multi-user.target.wants/ufw.service": symlink("/lib/systemd/system/ufw.service"),
        "/etc/systemd/system/sshd.service": symlink("/lib/systemd/system/ssh.service"),
        "/usr/lib/systemd/system/ssh.service": SSH_SERVICE,
        "/usr/lib/systemd/system/ssh.socket": SSH_SOCKET,
        "/usr/lib/systemd/system/ufw.service": (
            "[Unit]\nBefore=network-pre.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
            "ExecStart=/lib/ufw/ufw-init start quiet\n[Install]\nWantedBy=multi-user.target\n"
        ),
        # It asks for an address on every card by itself.
        "/usr/lib/systemd/system/dhcpcd.service": "[Service]\nExecStart=/usr/sbin/dhcpcd\n",
        DHCPCD_STARTS: symlink("/lib/systemd/system/dhcpcd.service"),
        "/usr/lib/systemd/system/multi-user.target": "[Unit]\nDescription=Multi-User System\n",
        "/usr/lib/systemd/system/graphical.target": "[Unit]\nRequires=multi-user.target\n",
        "/usr/lib/systemd/system/default.target": symlink("graphical.target"),
        "/var/lib/dpkg/status": DPKG_STATUS,
        "/var/lib/dpkg/info/openssh-server.list": "/.\n",
        "/root": directory(0o700),
        "/root/.ssh": directory(0o700),
        "/root/.ssh/authorized_keys": file(KEY + " me@laptop\n", 0o600),
        "/home/alice": directory(0o755, 1000, 1000),
        "/home/alice/.ssh": directory(0o700, 1000, 1000),
        "/home/alice/.ssh/authorized_keys": file(KEY + " alice@laptop\n", 0o600, 1000, 1000),
        "/var/log": directory(),
        "/var/log/journal": directory(),
    }


ROOMY = FileSystem("/", "ext4", 20 * GIB, 12 * GIB, 11 * GIB, 1_310_720, 1_200_000)


def server(changes: Mapping[str, Entry | str | bytes | None] | None = None, filesystem: FileSystem = ROOMY) -> Tree:
    """The healthy server with `changes`: a value replaces an entry, None takes it away."""
    entries = healthy()
    for path, value in (changes or {}).items():
        if value is None:
            entries.pop(path, None)
        else:
            entries[path] = value
    return Tree.of(entries, [filesystem])
