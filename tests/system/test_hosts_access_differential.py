"""hosts.allow and hosts.deny: what we say against what libwrap itself says, asked through tcpdmatch(8).

Where we can't tell, libwrap may say either; where we can, it says the same.
"""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rescue.formats.hosts_access import ALLOW, DENY, hosts_access
from rescue.tree import Tree

pytestmark = pytest.mark.system

TCPDMATCH = shutil.which("tcpdmatch", path="/usr/sbin:/usr/bin")
ADDRESSES = ("192.0.2.1", "192.0.2.77", "10.1.2.3", "203.0.113.9", "2001:db8::1", "2001:db8:1::5")

PATTERNS = """
    ALL all * ? LOCAL KNOWN UNKNOWN EXCEPT except #ALL ALL@192.0.2.
    192.0.2.1 192.0.2. 192. 192.0.2 .2.1 10.* 192.0.2.? 192.0.2.?? 192.0.2.001
    192.0.2.0/24 192.0.2.1/24 192.0.2.64/26 192.0.2.0/024 192.0.2.0/255.255.255.0 192.0.2.1/0xff.255.0377.255
    0.0.0.0/0 10.0.0.0/8 203.0.113.9/32 192.0.2.0/33 192.0.2.0/0 0300.0.2.1/32 0xC0.0.2.1/32 08.1.1.1/32
    [192.0.2.1] [2001:db8::1] [2001:db8::]/32 [2001:db8:1::]/48 [2001:DB8:0::1] [::]/0 [2001:db8::]/129
    2001:db8::1 2001:db8:
"""
DAEMONS = """
sshd
SSHD
ALL
s*
sshd-session
ssh
in.ftpd sshd
ALL EXCEPT sshd
ALL EXCEPT in.ftpd
sshd,in.ftpd
#sshd
 sshd
"""
OPTIONS = """
: allow
: deny
: ALLOW
:deny\x20
: severity auth.info : deny
: severity nonsense
:
: allow : deny
: keepalive
: keepalive yes
: linger 5
: umask 022
: umask 9
: nonsense
: allow # x
"""

pattern = st.sampled_from(PATTERNS.split())
daemon = st.sampled_from(DAEMONS.strip("\n").split("\n"))
options = st.just("") | st.sampled_from(OPTIONS.strip("\n").split("\n"))
ending = st.sampled_from(["\n", "\n", "\n", "\n", "\r\n", " \n", " \\\n 10.9.9.9\n", "\n\n# a note\n"])


@st.composite
def rule(draw: st.DrawFn) -> str:
    clients = draw(st.sampled_from([" ", ", ", "\t"])).join(draw(st.lists(pattern, min_size=1, max_size=5)))
    return f"{draw(daemon)}: {clients}{draw(options)}{draw(ending)}"


@st.composite
def file(draw: st.DrawFn) -> str:
    text = "".join(draw(st.lists(rule(), max_size=4)))
    return text[:-1] if text and draw(st.integers(0, 19)) == 0 else text


@pytest.mark.skipif(TCPDMATCH is None, reason="tcpdmatch is not installed (package tcpd)")
@settings(max_examples=250)
@given(file(), file())
@example("sshd: 192.0.2.1\r\n", "ALL: ALL\r\n")
@example("", "sshd: 1.2.3.4")
@example("sshd: 0300.0.2.1/32\nsshd: ALL: deny\n", "")
def test_libwrap_says_the_same(allow: str, deny: str) -> None:
    tree = Tree.of({str(ALLOW): allow, str(DENY): deny})
    with TemporaryDirectory() as folder:
        for path, text in ((ALLOW, allow), (DENY, deny)):
            Path(folder, path.name).write_bytes(text.encode())
        for address in ADDRESSES:
            ours = hosts_access(tree, ip_address(address)).allowed
            assert ours in (None, _libwrap(folder, address)), (allow, deny, address)


def _libwrap(folder: str, address: str) -> bool:
    """libwrap's answer, from the files in `folder` (its own option -d)."""
    asked = subprocess.run(
        [str(TCPDMATCH), "-d", "sshd", address], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    said = [line.split()[1] for line in asked.stdout.split("\n") if line.startswith("access:")]
    assert said in (["granted"], ["denied"]), asked
    return said == ["granted"]
