"""ufw's files and their edits held against the real ufw, and the settings against the real shell."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescue.firewall import active_firewalls, edit, reach
from rescue.formats.shell_assignments import read_settings
from tests.system.firewall_rules import NEEDED, SLOW, counted, dialled, net, seen
from tests.system.netlab import OPEN, SILENT
from tests.system.real_ufw import Ufw, ufw, ufw_package
from tests.unit.firewall.files import Started

__all__ = ["counted", "net", "ufw", "ufw_package"]

pytestmark = NEEDED


STARTS = {
    "nothing but the web": [["allow", "80/tcp"]],
    "several rules": [["allow", "80,443/tcp"], ["limit", "2222/tcp"], ["deny", "from", "203.0.113.9"]],
    "rules with comments and profiles": [["allow", "8080/tcp", "comment", "a shop"], ["allow", "WWW"]],
    "logging off": [["logging", "off"], ["allow", "80/tcp"]],
}


@pytest.mark.parametrize("before", STARTS.values(), ids=list(STARTS))
@pytest.mark.parametrize(
    ("sources", "command"),
    [
        ((), ["allow", "22/tcp"]),
        (("203.0.113.5",), ["allow", "proto", "tcp", "from", "203.0.113.5", "to", "any", "port", "22"]),
        (("2001:db8:5::5",), ["allow", "proto", "tcp", "from", "2001:db8:5::5", "to", "any", "port", "22"]),
    ],
    ids=["everybody", "one address", "one IPv6 address"],
)
def test_the_edit_of_ufws_files_is_the_one_that_ufw_makes(
    ufw: Ufw, before: list[list[str]], sources: tuple[str, ...], command: list[str]
) -> None:
    ufw.boot()
    for words in before:
        ufw.run(*words)
    ours = edit.allow(ufw.tree(), ufw.firewall(), 22, [ip_address(each) for each in sources])
    ufw.run(*command)
    theirs = ufw.tree()
    for name in ("user.rules", "user6.rules"):
        assert ours.text(f"/etc/ufw/{name}") == theirs.text(f"/etc/ufw/{name}"), name


def test_before_a_rule_that_denies_the_edit_is_the_one_of_ufw_insert(ufw: Ufw) -> None:
    ufw.boot()
    for words in (["allow", "80/tcp"], ["deny", "22/tcp"], ["allow", "443/tcp"]):
        ufw.run(*words)
    ours = edit.allow(ufw.tree(), ufw.firewall(), 22, [ip_address("203.0.113.5")])
    ufw.run("insert", "2", "allow", "proto", "tcp", "from", "203.0.113.5", "to", "any", "port", "22")
    assert ours.text("/etc/ufw/user.rules") == ufw.tree().text("/etc/ufw/user.rules")


@pytest.mark.parametrize("source", [None, "203.0.113.5", "2001:db8:5::5"])
def test_after_the_edit_ufw_shows_the_rule_and_the_kernel_follows_it(ufw: Ufw, source: str | None) -> None:
    client = ip_address(source or "8.8.8.8")
    ufw.boot()
    assert ufw.net.probe(client) == SILENT
    ufw.stop()
    ufw.write(edit.allow(ufw.tree(), ufw.firewall(), 22, [client] if source else []))
    ufw.boot()
    assert ufw.net.probe(client) == OPEN
    assert ufw.net.probe(client, 2222) == SILENT
    shown = [line.split() for line in ufw.run("status").split("\n") if line.startswith("22/tcp") or source]
    assert any("ALLOW" in words and (source or "Anywhere") in words for words in shown)
    assert "reloaded" in ufw.run("reload")
    assert ufw.net.probe(client) == OPEN
    ufw.run("allow", "8443/tcp")  # writes the file anew, from the comment lines
    assert ufw.net.probe(client) == OPEN


SETUPS = {
    "as installed": {},
    "reject": {"etc/default/ufw": ('INPUT_POLICY="DROP"', 'INPUT_POLICY="REJECT"')},
    "accept": {"etc/default/ufw": ('INPUT_POLICY="DROP"', 'INPUT_POLICY="ACCEPT"')},
    "no outgoing": {"etc/default/ufw": ('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="DROP"')},
    "a policy that is none": {"etc/default/ufw": ('INPUT_POLICY="DROP"', 'INPUT_POLICY="deny"')},
    "no IPv6": {"etc/default/ufw": ("IPV6=yes", "IPV6=no")},
    "a broken line before": {"etc/ufw/before.rules": ("# drop INVALID", "oops\n# drop INVALID")},
    "a broken line of the user": {"etc/ufw/user.rules": ("### END RULES", "-A oops\n### END RULES")},
    "a carriage return": {"etc/ufw/user.rules": ("COMMIT", "COMMIT\r")},
    "no COMMIT": {"etc/ufw/user.rules": ("COMMIT", "")},
    "off": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED=Yes")},
    "off at the end": {"etc/ufw/ufw.conf": ("LOGLEVEL=low", "ENABLED=no")},
    "a command": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED = yes")},
    "a carriage return behind yes": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED=yes\r")},
    "the last one counts": {"etc/ufw/ufw.conf": ("ENABLED=yes", "ENABLED=no\nENABLED='yes' # on")},
}
USERS = [["allow", "from", "10.0.0.0/8", "to", "any", "port", "22"], ["reject", "from", "198.51.100.0/26"],
         ["limit", "2222/tcp"], ["deny", "from", "203.0.113.5"], ["allow", "from", "2001:db8:5::/48"]]  # fmt: skip


@pytest.mark.parametrize("change", SETUPS.values(), ids=list(SETUPS))
def test_what_ufw_loads_is_what_is_judged(ufw: Ufw, change: dict[str, tuple[str, str]]) -> None:
    ufw.boot()
    for words in USERS:
        ufw.run(*words)
    ufw.stop()
    for path, (old, new) in change.items():
        text = (ufw.root / path).read_text()
        assert old in text
        (ufw.root / path).write_bytes(text.replace(old, new).encode())
    ufw.boot()
    firewalls = active_firewalls(ufw.tree(), Started("ufw.service"))
    for text in ("10.0.0.5", "198.51.100.7", "203.0.113.5", "8.8.8.8", "2001:db8:5::5", "2606:4700::1"):
        source = ip_address(text)
        for port in (22, 2222):
            verdict = reach(firewalls, port, source.version, interface="eth0").verdict_for(source)
            expected = seen(verdict, source.version)
            assert expected is None or dialled(ufw.net, source, port, expected) == expected, (text, port, verdict)


# -- settings that the shell reads -------------------------------------------------------------------------------------

ASSIGNED = st.lists(
    st.sampled_from(
        [
            "ENABLED=yes",
            "ENABLED=no",
            "ENABLED='yes'",
            'ENABLED="yes"',
            "ENABLED=y'e'\"s\"",
            "ENABLED=",
            "export ENABLED=yes",
            "ENABLED=yes # on",
            "ENABLED=yes# on",
            "#ENABLED=no",
            " ENABLED=yes ",
            "\tENABLED=no",
            "OTHER='a\nb'",
            "OTHER=1 ENABLED=yes",
            "ENABLED=yes; ENABLED=no",
            "ENABLED=ye\\\ns",
            'ENABLED="ye\\s"',
            "ENABLED=ye\\s",
            "ENABLED=yes\r",
            "OTHER='",
            "",
            'OTHER="a\'b"',
            "ENABLED=no;",
        ]
    ),
    max_size=5,
).map("\n".join)


@settings(SLOW, max_examples=100)
@given(ASSIGNED)
def test_settings_are_read_as_the_shell_reads_them(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("shell") / "settings"
    path.write_bytes((text + "\n").encode())
    shell = subprocess.run(
        ["sh", "-c", f'set -e; . {path}; printf "<%s>" "$ENABLED"'], capture_output=True, check=False
    )
    ours = read_settings(iter([(PurePosixPath("/s"), text + "\n")]))
    if shell.returncode == 0:
        assert shell.stdout.decode() == f"<{ours.get('ENABLED')}>"
    else:
        assert ours.stopped is not None
