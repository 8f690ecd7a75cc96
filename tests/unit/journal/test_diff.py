"""What a fix changes, shown without secrets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings

from rescue.journal.diff import changes_diff, is_secret
from rescue.tree import Action, Change, Entry, directory, file, symlink
from tests.trees import HOST_KEY
from tests.unit.journal.samples import contents, paths, replaced

pytestmark = pytest.mark.unit


def test_a_diff_shows_lines_owners_and_links() -> None:
    text = changes_diff(
        [
            replaced("a\nb\nc\n", "a\nB\nc\n"),
            Change(PurePosixPath("/home/x"), directory(0o777, 5, 5), directory(0o755, 5, 5)),
            Change(PurePosixPath("/etc/x.service"), symlink("/dev/null"), None),
        ]
    )
    assert "--- a/etc/ssh/sshd_config\n+++ b/etc/ssh/sshd_config\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n" in text
    assert "# metadata /home/x\n#- dir 0777 5:5\n#+ dir 0755 5:5\n" in text
    assert "# remove /etc/x.service\n#- link 0777 0:0 -> /dev/null\n" in text


SECRETS = {
    "/etc/shadow": "root:$6$salt$hash:1::::::\n",
    "/etc/shadow-": "root:*:1::::::\n",
    "/etc/gshadow": "sudo:!::alice\n",
    "/etc/security/opasswd": "x",
    "/etc/ssh/ssh_host_ed25519_key": HOST_KEY,
    "/root/.ssh/id_rsa": "junk",
    "/etc/ssl/private/x.pem": "junk",
    "/root/renamed": HOST_KEY,
    "/etc/passwd": "root:$y$j9T$salt$hash:0:0:root:/root:/bin/bash\n",
    "/etc/group": "root:abJnggxhB/yWI:0:\n",
    "/etc/wireguard/wg0.conf": "[Interface]\nPrivateKey = abc=\n",
    "/etc/netplan/50.yaml": "password: hunter2\n",
    "/etc/NetworkManager/system-connections/home.nmconnection": "psk=hunter2\n",
    "/etc/wpa_supplicant.conf": 'network={ psk="hunter2" }\n',
}


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("side", ["before", "after", "created", "removed"])
def test_no_secret_is_in_a_diff(path: str, side: str) -> None:
    secret, plain = file(SECRETS[path]), file("nothing\n")
    change = {
        "before": Change(PurePosixPath(path), secret, plain),
        "after": Change(PurePosixPath(path), plain, secret),
        "created": Change(PurePosixPath(path), None, secret),
        "removed": Change(PurePosixPath(path), secret, None),
    }[side]
    text = changes_diff([change])
    assert "not shown" in text
    for line in SECRETS[path].split("\n"):
        assert not line or line not in text


@pytest.mark.parametrize(
    "path, content",
    [
        ("/etc/ssh/sshd_config", "PasswordAuthentication yes\nPermitEmptyPasswords no\n"),
        ("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@lab\n"),
        ("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
        ("/etc/nsswitch.conf", "passwd:         files systemd\nshadow: files\n"),
        ("/etc/pam.d/sshd", "password requisite pam_pwquality.so retry=3\n"),
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ("/etc/default/ufw", "IPV6=yes\n"),
    ],
)
def test_what_is_no_secret_is_shown(path: str, content: str) -> None:
    assert not is_secret(PurePosixPath(path), file(content))
    assert "+" + content.split("\n")[0] + "\n" in changes_diff([Change(PurePosixPath(path), None, file(content))])


@given(paths, contents, contents)
@settings(deadline=None)
def test_a_diff_is_plain_ascii_whatever_is_on_the_disk(path: PurePosixPath, before: Entry, after: Entry) -> None:
    text = changes_diff([Change(path, before, after)])
    assert all(each in "\n\t" or " " <= each <= "~" for each in text)


def test_a_diff_of_something_large_or_binary_is_one_line() -> None:
    assert "# 300000 bytes become 4" in changes_diff([replaced("x\n" * 150_000)])
    assert "# 3 bytes become 4" in changes_diff([replaced("\0\0\0")])
    log = replace(file(""), data=None, size=9000)
    shortened = Change(PurePosixPath("/var/log/syslog"), log, replace(log, size=100))
    assert shortened.action is Action.SHORTEN
    assert "# 9000 bytes become 100: the oldest go, for good" in changes_diff([shortened])
    assert "# 9000 bytes are removed for good" in changes_diff([Change(PurePosixPath("/var/log/a"), log, None)])


def test_a_missing_last_line_end_is_told() -> None:
    assert "# after, the last line does not end in a newline" in changes_diff([replaced("a\n", "a")])
