"""Of scripts of one's own a snapshot keeps what may concern the firewall."""

from __future__ import annotations

import pytest

from rescue.formats.shell_script import script_lines
from rescue.redaction.files import left_out
from rescue.tree import Tree

pytestmark = pytest.mark.unit

SCRIPT = """\
#!/bin/sh
# the password is hunter2
curl -u me:hunter2 https://example.org/up
if [ -f /etc/fw ]; then
  iptables-restore < /etc/fw
  mysql -phunter2 \\
    -e hunter2
fi
cat > /tmp/x <<EOF
hunter2
EOF
stop() {
  echo hunter2
}
/root/more.sh hunter2
IPT=/sbin/iptables
$IPT -P INPUT DROP
exit 0
"""


def kept(path: str, text: str) -> str:
    return left_out(path, text.encode()).decode()


@pytest.mark.parametrize("path", ["/etc/rc.local", "/root/fw.sh", "/etc/network/if-pre-up.d/fw", "/usr/local/sbin/fw"])
def test_secrets_of_a_script_go_and_its_firewall_stays(path: str) -> None:
    text = kept(path, SCRIPT)
    assert "hunter2" not in text
    assert text.count("\n") == SCRIPT.count("\n")
    tree = Tree.of({"/etc/fw": ""})
    before = [(line.number, line.certain) for line in script_lines(tree, SCRIPT)]
    assert [(line.number, line.certain) for line in script_lines(tree, text)] == before
    for line in ("  iptables-restore < /etc/fw", "$IPT -P INPUT DROP", "IPT=/sbin/iptables", "exit 0", "fi"):
        assert line in text.split("\n")
    assert "/root/more.sh left-out" in text


def test_secrets_of_a_cron_table_go() -> None:
    table = "MAILTO=me\n5 4 * * * mysqldump -phunter2\n@reboot /root/fw.sh hunter2\n@reboot iptables -P INPUT DROP\n"
    lines = kept("/var/spool/cron/crontabs/root", table).split("\n")
    assert lines == [": left-out", ": left-out", "@reboot /root/fw.sh left-out", "@reboot iptables -P INPUT DROP", ""]
    assert "@reboot root /root/fw.sh left-out" in kept("/etc/cron.d/fw", "@reboot root /root/fw.sh hunter2\n")


def test_what_is_no_script_stays_as_it_is() -> None:
    for path, text in (("/root/.bashrc", "exit 0\nalias a=b\n"), ("/etc/profile", "#!/bin/sh\nfoo\n")):
        assert kept(path, text) == text


@pytest.mark.parametrize(
    "line", ["ip addr add 192.0.2.2/24 dev eth0", "ip -4 rule add from 192.0.2.2 table main", "/sbin/dhclient eth0"]
)
def test_commands_about_cards_and_routes_are_kept(line: str) -> None:
    assert kept("/etc/rc.local", f"#!/bin/sh\n{line}\ncurl -u me:secret\n").split("\n")[1] == line
