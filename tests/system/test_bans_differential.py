"""Our reading of lists of bans held against the programs that made them: CrowdSec and sshguard, from Debian's packages.

CSF is in no archive that could be asked: what we know of it is from its documentation, and only unit tests hold it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from rescue.bans import sshguard
from rescue.bans.crowdsec import bans, crowdsec, lifted
from rescue.tree import Tree
from tests.machines.built import debian_package
from tests.unit.bans import csf_files
from tests.unit.bans.crowdsec_files import BOUNCER, DATABASE

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="runs programs of Debian's amd64"),
]


BLOCKER = "usr/libexec/sshguard/sshg-blocker"

CONFIG = """\
common: {{daemonize: false, log_media: stdout}}
config_paths:
  config_dir: {0}/etc/
  data_dir: {0}/data/
  hub_dir: {0}/hub/
  index_path: {0}/hub/.index.json
  simulation_path: {0}/etc/simulation.yaml
  notification_dir: {0}/etc/
cscli:
  output: json
db_config:
  type: sqlite
  db_path: {0}/data/crowdsec.db
api:
  client:
    credentials_path: {0}/etc/credentials.yaml
  server:
    listen_uri: 127.0.0.1:18080
    profiles_path: {0}/etc/profiles.yaml
"""

ASK = """
import sys, time, urllib.request
for _ in range(100):
    try:
        ask = urllib.request.Request("http://127.0.0.1:18080/v1/decisions/stream?startup=true",
                                     headers={"X-Api-Key": "key"})
        sys.stdout.write(urllib.request.urlopen(ask, timeout=5).read().decode())
        break
    except OSError:
        time.sleep(0.1)
"""
"""What the bouncer asks when it starts."""

RUN = r"""
ip link set lo up
"$CROWDSEC/crowdsec" -c "$HOME/etc/config.yaml" -no-cs > "$HOME/log" 2>&1 &
server=$!
trap 'kill $server; wait $server' EXIT
python3 -c "$ASK" > /dev/null
while read -r words; do
    "$CROWDSEC/cscli" -c "$HOME/etc/config.yaml" decisions add $words > /dev/null 2>&1 || exit 1
done
python3 -c "$ASK"
"""


class Real:
    """A CrowdSec of its own below a folder, with a bouncer's key."""

    def __init__(self, package: Path, home: Path) -> None:
        self.programs = package / "usr/bin"
        self.home = home
        for name in ("etc", "data", "hub"):
            (home / name).mkdir()
        for name in ("profiles.yaml", "simulation.yaml"):
            shutil.copy(package / "etc/crowdsec" / name, home / "etc")
        (home / "etc/config.yaml").write_text(CONFIG.format(home))
        (home / "etc/credentials.yaml").write_text("url: http://127.0.0.1:18080\n")
        (home / "hub/.index.json").write_text("{}")
        url = ("-u", "http://127.0.0.1:18080", "--force")
        self.cscli("machines", "add", "me", "-p", "secret", "-f", f"{home}/etc/credentials.yaml", *url)
        self.cscli("bouncers", "add", "firewall", "-k", "key")

    def cscli(self, *words: str) -> None:
        command = [str(self.programs / "cscli"), "-c", f"{self.home}/etc/config.yaml", *words]
        subprocess.run(command, check=True, capture_output=True)

    def banned(self, *added: str) -> list[str]:
        """Whom a bouncer that starts has to ban, after some decisions were added."""
        environment = {**os.environ, "CROWDSEC": str(self.programs), "HOME": str(self.home), "ASK": ASK}
        given = "".join(f"{each}\n" for each in added)
        run = subprocess.run(["unshare", "-n", "sh", "-c", RUN], input=given, capture_output=True, text=True,
                             env=environment, check=True)  # fmt: skip
        told: dict[str, Any] = json.loads(run.stdout)
        return sorted(each["value"] for each in told["new"] or () if each["type"] == "ban")

    def tree(self) -> Tree:
        database = (self.home / "data/crowdsec.db").read_bytes()
        return Tree.of(
            {
                "/etc/crowdsec/config.yaml": CONFIG.format("/var/lib/crowdsec"),
                "/etc/crowdsec/bouncers/crowdsec-firewall-bouncer.yaml": BOUNCER,
                DATABASE: database,
            }
        )


def test_crowdsec_bans_whom_we_say_and_no_more_after_an_edit(tmp_path: Path) -> None:
    real = Real(debian_package("crowdsec", "usr/bin/crowdsec"), tmp_path)
    told = real.banned(
        "--ip 192.0.2.1 -d 4h", "--ip 192.0.2.1 -d 2h", "--range 203.0.113.0/24 -d 4h", "--ip 2001:db8::1 -d 90m",
        "--ip 198.51.100.1 -d 4h --type captcha", "--scope country --value DE -d 4h", "--ip 198.51.100.2 -d 1s",
    )  # fmt: skip
    now = datetime.now(UTC) + timedelta(seconds=2)  # when the ban of a second is over
    tree = real.tree()
    this = crowdsec(tree)
    mine = sorted({ban.written for ban in bans(this, now)})
    assert mine == ["192.0.2.1", "2001:db8::1", "203.0.113.0/24"]
    assert set(mine) == set(told) - {"DE", "198.51.100.2"}
    assert any(ban.holds(ip_address("192.0.2.1")) for ban in bans(this, now))
    assert this.database is not None
    after = lifted(tree, this.database, ("192.0.2.1",), datetime.now(UTC)).data(DATABASE)
    assert after is not None
    (tmp_path / "data/crowdsec.db").write_bytes(after)
    assert set(real.banned()) - {"DE", "198.51.100.2"} == {"2001:db8::1", "203.0.113.0/24"}


LINES = ("1540000000|100|4|192.0.2.1", "1540000000|260|6|2001:db8::1", "junk", "", "# a comment", "1|2|4|203.0.113.9",
         "1540000002|100|4|192.0.2.77", "a|b|c|d", "1540000003|100|4|300.1.1.1", "4|100|6|2001:db8::1")  # fmt: skip


@pytest.mark.parametrize("subnets", [{}, {4: 24}, {4: 16, 6: 64}])
def test_sshguard_blocks_again_whom_we_say(tmp_path: Path, subnets: dict[int, int]) -> None:
    blocker = debian_package("sshguard", BLOCKER) / BLOCKER
    text = "".join(f"{line}\n" for line in LINES)
    blacklist = tmp_path / "enemies"
    blacklist.write_text(text)
    words = [word for version, bits in subnets.items() for word in ("-n" if version == 4 else "-N", str(bits))]
    run = subprocess.run([str(blocker), "-b", f"100:{blacklist}", *words, "-w", "192.0.2.1"], input="",
                         capture_output=True, text=True, timeout=30, check=False)  # fmt: skip
    blocked = [line.split() for line in run.stdout.split("\n") if line.startswith("block ")]
    # What is no address is handed on as well, and no firewall takes it.
    told = {f"{address}/{bits}" for _, address, _, bits in blocked if address != "300.1.1.1"}
    more = "".join(f"IPV{version}_SUBNET={bits}\n" for version, bits in subnets.items())
    tree = Tree.of(csf_files.sshguard(text, more=more))
    this = sshguard.sshguard(tree)
    assert this is not None
    mine = {f"{ban.written}/{ban.network.prefixlen}" for ban in sshguard.bans(tree, this, frozenset())}
    assert mine == told
    assert "192.0.2.1/" in " ".join(mine)  # the whitelist does not count
