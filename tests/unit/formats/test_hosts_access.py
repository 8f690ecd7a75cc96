"""Literal lines and what libwrap 7.6.q-32 says to them; tests/system/test_hosts_access_differential.py asks it."""

from ipaddress import ip_address

import pytest

from rescue.formats.hosts_access import ALLOW, DENY, hosts_access
from rescue.tree import Tree

pytestmark = pytest.mark.unit


def allowed(address: str, allow: str = "", deny: str = "") -> bool | None:
    return hosts_access(Tree.of({str(ALLOW): allow, str(DENY): deny}), ip_address(address)).allowed


@pytest.mark.parametrize(
    "pattern",
    ["ALL", "all", "192.0.2.1", "192.0.2.", "192.", "192.0.2.0/24", "192.0.2.0/255.255.255.0", "192.0.2.0/024",
     "192.0.2.1/32", "0300.0.0002.0x1/32", "192.*", "192.0.2.?", ".2.1", "10. 192.0.2.1 172.",
     "ALL EXCEPT 192.0.2. EXCEPT 192.0.2.1", "10.1.2.3,192.0.2.1"],
)  # fmt: skip
def test_patterns_that_fit(pattern: str) -> None:
    assert allowed("192.0.2.1", deny=f"sshd: {pattern}\n") is False


@pytest.mark.parametrize(
    "pattern",
    ["192.0.2.1/24", "0.0.0.0/0", "192.0.2.1/255.255.255.255", "192.0.2.0/33", "192.0.2", "192.0.2.001", "[192.0.2.1]",
     "ALL EXCEPT 192.0.2.1", "EXCEPT ALL", "[::]/0", "", "#ALL"],
)  # fmt: skip
def test_patterns_that_surprisingly_fit_nobody(pattern: str) -> None:
    assert allowed("192.0.2.1", deny=f"sshd: {pattern}\n") is not False


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("[2001:db8::1]", True), ("[2001:DB8:0::1]", True), ("[2001:db8::]/32", True), ("[2001:db8::9]/32", True),
     ("[::]/0", True), ("2001:db8::1", False), ("[2001:db8::2]", False), ("[2001:db8::]/129", False)],
)  # fmt: skip
def test_ipv6_needs_brackets(pattern: str, fits: bool) -> None:
    assert allowed("2001:db8::1", deny=f"sshd: {pattern}\n") is not fits


@pytest.mark.parametrize(
    ("options", "result"),
    [("", True), (": allow", True), (": ALLOW", True), (": deny", False), (": severity auth.info", True),
     (": severity nonsense", False), (": keepalive yes", False), (": allow # ours", False), (":", False),
     (": allow: deny", False), (": spawn (echo a\\: b) &", True), (": twist /bin/echo no", False),
     (": aclexec /bin/true", None), (": aclexec /bin/true : deny", False), (": user nobody", None)],
)  # fmt: skip
def test_a_mistake_in_an_option_turns_away(options: str, result: bool | None) -> None:
    assert allowed("192.0.2.1", allow=f"sshd: ALL{options}\n", deny="ALL: ALL\n") is result


@pytest.mark.parametrize(
    ("daemons", "ours"),
    [("sshd", True), ("SSHD", True), ("ALL", True), ("s*", True), ("in.ftpd sshd", True), ("sshd-session", False),
     ("ALL EXCEPT sshd", False), ("ssh", False), ("#sshd", False), (" #sshd", False)],
)  # fmt: skip
def test_daemons(daemons: str, ours: bool) -> None:
    assert allowed("192.0.2.1", deny=f"{daemons}: ALL\n") is not ours


def test_a_line_goes_on_after_a_backslash() -> None:
    assert allowed("192.0.2.1", deny="ssh\\\nd: 10. \\\n 192.0.2.1\n") is False


def test_line_ends_of_windows_do_no_harm() -> None:
    assert allowed("192.0.2.1", "sshd: 192.0.2.1\r\n", "ALL: ALL\r\n") is True


@pytest.mark.parametrize("deny", ["sshd: 1.2.3.4", "#", "ftpd: ALL", "\n ", "sshd: 1.2.3.4\\\n", f"#{' ' * 2046}\n"])
def test_hosts_deny_with_an_unfinished_line_denies_all(deny: str) -> None:
    assert allowed("192.0.2.1", deny=deny) is False


def test_hosts_allow_ends_where_a_line_is_unfinished() -> None:
    assert allowed("192.0.2.1", f"#{' ' * 2046}\nsshd: ALL\n", "ALL: ALL\n") is False
    assert allowed("192.0.2.1", f"#{' ' * 2045}\nsshd: ALL\n", "ALL: ALL\n") is True


def test_a_file_may_hold_the_patterns() -> None:
    files = {str(DENY): "sshd: /etc/banned\n", "/etc/banned": "203.0.113.9 192.0.2.\n"}
    assert hosts_access(Tree.of(files), ip_address("192.0.2.1")).allowed is False
    assert hosts_access(Tree.of(files), ip_address("198.51.100.1")).allowed is True


def test_files_that_name_each_other_come_to_an_end() -> None:
    files = {str(DENY): "sshd: /a\n", "/a": "/b", "/b": "/a"}
    assert hosts_access(Tree.of(files), ip_address("192.0.2.1")).allowed is None


def test_doubts_that_agree_are_none() -> None:
    assert allowed("192.0.2.1", "sshd: .example.com\nsshd: 192.0.2.1\n", "ALL: ALL\n") is True
    assert allowed("192.0.2.1", "", "sshd: .example.com\nALL: ALL\n") is False
    assert allowed("192.0.2.1", "sshd: .example.com\n", "ALL: ALL\n") is None
