"""No secret is ever in a diff, wherever it stands; what is none is shown."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rescue.text.diff import unified
from rescue.tree import Change, file
from tests.trees import HOST_KEY

pytestmark = pytest.mark.unit

KEY_LINE = HOST_KEY.split("\n")[2]

SECRETS = {
    "/etc/shadow": ("root:$6$salt$hashhashhash:1::::::\n", "$6$"),
    "/etc/passwd": ("root:$y$j9T$salt$hashhash:0:0:root:/root:/bin/bash\n", "$y$"),
    "/etc/passwd-": ("root:abJnggxhB/yWI:0:0:root:/root:/bin/bash\n", "abJngg"),
    "/etc/group": ("root:abJnggxhB/yWI:0:\n", "abJngg"),
    "/etc/gshadow": ("sudo:abJnggxhB/yWI::alice\n", "abJngg"),
    "/etc/ssh/ssh_host_ed25519_key": (HOST_KEY, KEY_LINE),
    "/etc/ssh/ssh_host_rsa_key": ("half a key", "half a key"),
    "/root/.ssh/id_rsa": ("half a key", "half a key"),
    "/etc/ssl/private/x.pem": ("half a key", "half a key"),
    "/root/renamed": (HOST_KEY, KEY_LINE),
    "/etc/wireguard/wg0.conf": ("[Interface]\nPrivateKey = c2VjcmV0\n", "c2VjcmV0"),
    "/etc/netplan/50.yaml": ("password: hunter2\n", "hunter2"),
    "/etc/NetworkManager/system-connections/home.nmconnection": ("psk=hunter2\n", "hunter2"),
    "/etc/wpa_supplicant.conf": ('network={ psk="hunter2" }\n', "hunter2"),
}


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("side", ["before", "after", "created", "removed"])
def test_no_secret_is_in_a_diff(path: str, side: str) -> None:
    content, secret = SECRETS[path]
    hidden, plain = file(content), file("nothing\n")
    change = {
        "before": Change(PurePosixPath(path), hidden, plain),
        "after": Change(PurePosixPath(path), plain, hidden),
        "created": Change(PurePosixPath(path), None, hidden),
        "removed": Change(PurePosixPath(path), hidden, None),
    }[side]
    text = "\n".join(unified(change))
    assert "not shown" in text
    assert secret not in text


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/etc/ssh/sshd_config", "PasswordAuthentication yes\nPermitEmptyPasswords no\n"),
        ("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@lab\n"),
        ("/root/.ssh/id_ed25519.pub", "ssh-ed25519 AAAA root@lab\n"),
        ("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
        ("/etc/nsswitch.conf", "passwd:         files systemd\nshadow: files\n"),
        ("/etc/pam.d/sshd", "password requisite pam_pwquality.so retry=3\n"),
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ("/etc/group", "sudo:x:27:alice\n"),
        ("/etc/default/ufw", "IPV6=yes\n"),
    ],
)
def test_what_is_no_secret_is_shown(path: str, content: str) -> None:
    shown = unified(Change(PurePosixPath(path), None, file(content)))
    assert "+" + content.split("\n")[0] in shown
