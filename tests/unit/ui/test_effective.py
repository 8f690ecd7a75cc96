"""The table of sshd's settings: what it says, and that it fits a console."""

from __future__ import annotations

import json
from io import StringIO
from ipaddress import ip_address

import pytest

from rescue.model import Client
from rescue.tree import Entry
from rescue.ui.effective import EffectiveReport, as_document
from rescue.ui.report import Report, console
from rescue.verbs.effective import settle
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

CLOUD = "/etc/ssh/sshd_config.d/50-cloud-init.conf"


def shown(changes: dict[str, Entry | str | bytes | None], client: Client | None = None, *, every: bool = False) -> str:
    out = StringIO()
    settled = settle(server(changes), client or Client("alice", (ip_address("203.0.113.7"),)))
    EffectiveReport(Report(console(out)), every=every).show(settled, "server.qcow2", "directory", ())
    text = out.getvalue()
    assert [line for line in text.split("\n") if len(line) > 80 or line != line.rstrip()] == []
    return text


def test_what_lines_set_stands_with_its_place() -> None:
    main = SSHD_CONFIG + "PasswordAuthentication yes\n"
    text = shown({CLOUD: "PasswordAuthentication no\n", "/etc/ssh/sshd_config": main})
    assert (
        text
        == """\
server.qcow2 (directory): the SSH server's settings for alice from 203.0.113.7
OpenSSH 9.2 (1:9.2p1-2+deb12u6); a connection to port 22.

keyword                       value                 set by
UsePAM                        yes                   /etc/ssh/sshd_config:8
PrintMotd                     no                    /etc/ssh/sshd_config:10
PasswordAuthentication        no
                              /etc/ssh/sshd_config.d/50-cloud-init.conf:1
    does not count: PasswordAuthentication yes (/etc/ssh/sshd_config:13)
KbdInteractiveAuthentication  no                    /etc/ssh/sshd_config:7
X11Forwarding                 yes                   /etc/ssh/sshd_config:9
Subsystem                     sftp                  /etc/ssh/sshd_config:12
                              /usr/lib/openssh/
                              sftp-server
AcceptEnv                     LANG LC_*             /etc/ssh/sshd_config:11

and 91 keywords that no line sets; --all shows their defaults
"""
    )


def test_defaults_are_those_of_the_installed_version() -> None:
    text = shown({}, every=True)
    assert "MaxAuthTries 6 default of 9.2" in " ".join(text.split())
    assert "AuthorizedPrincipalsCommandUser\n" in text
    assert "PerSourcePenalties" not in text


def test_what_depends_on_the_address_is_told() -> None:
    changes: dict[str, Entry | str | bytes | None] = {
        "/etc/ssh/sshd_config": SSHD_CONFIG + "Match Address 10.0.0.0/8\nPermitRootLogin yes\n"
    }
    text = shown(changes, Client())
    assert "settings for root from any address" in " ".join(text.split())
    assert "depends: yes if Match Address 10.0.0.0/8 (/etc/ssh/sshd_config:13) applies" in " ".join(text.split())


def test_a_configuration_that_stops_sshd_is_told_first() -> None:
    text = shown({"/etc/ssh/sshd_config": "Port 22\nPort \x1b[31mred\n"})
    assert "does not start with this configuration" in text
    assert "\x1b" not in text


def test_an_unknown_version_and_an_unknown_user_are_told() -> None:
    text = shown({"/var/lib/dpkg/status": ""}, Client("nobody-here"), every=True)
    assert "default (of 9.2?)" in text
    assert "no user nobody-here" in text


def test_a_long_list_is_cut_and_wrapped() -> None:
    users = " ".join(f"user{number}" for number in range(3000))
    text = shown({"/etc/ssh/sshd_config": f"AllowUsers {users}\nCiphers {'aes128-ctr,' * 30}aes256-ctr\n"})
    assert len(text.split("\n")) < 90


def test_the_document_has_every_keyword_and_the_places() -> None:
    settled = settle(server({CLOUD: "Match User alice\nX11Forwarding no\n"}), Client("alice"))
    told = json.loads(json.dumps(as_document(settled, "x", "directory", ())))
    by_name = {each["keyword"]: each for each in told["settings"]}
    x11 = by_name["X11Forwarding"]
    assert x11["values"][0]["words"] == ["no"]
    assert x11["values"][0]["location"]["file"] == CLOUD
    assert x11["values"][0]["match"]["line"] == 1
    assert [each["words"] for each in x11["overruled"]] == [["yes"]]
    assert by_name["MaxAuthTries"]["default"] == "default of 9.2"
    assert told["connection"] == {"user": "alice", "exists": True, "from": None, "port": 22}
    assert told["starts"]
