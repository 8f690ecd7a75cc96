"""Settings of sshd's unit: what was measured under systemd's own boot, and what we say of each; a few, once more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest

from rescue.examine import examine
from rescue.library import open_target
from rescue.model import Client, Severity
from rescue.survey import complete, survey
from tests.machines.of_the_day import of_the_day
from tests.system.clear.booted import NETWORK, NETWORK_FILE, SOURCE, boot_ports, cannot_run, layered, why_not
from tests.system.clear.root import Root
from tests.system.fuzz_clear import ALWAYS, USERS, places

pytestmark = pytest.mark.system

TABLE = Path(__file__).with_name("clear") / "unit_walls.tsv"
DROP_IN = "/etc/systemd/system/ssh.service.d/local.conf"
SHIPPED = "/usr/lib/systemd/system/ssh.service"
WANTS = "/etc/systemd/system/multi-user.target.wants"
FIRST_PORT = 3000
os.environ.setdefault("RESCUE_WALLS_SAMPLE", "24")
BOOTED = (
    "ProtectHome=yes", "PrivateTmp=yes", "ProtectSystem=strict", "InaccessiblePaths=/etc/shadow",
    "CapabilityBoundingSet=~CAP_SYS_CHROOT", "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged ; SystemCallFilter=@chown @setuid chroot setfsgid setfsuid",
)  # fmt: skip
"""Those that are measured again, each time."""

IMAGES = {"debian12": 1, "debian13": 3}
"""In which column of the table what alice saw is; root's follows."""


def table() -> dict[str, list[str]]:
    """Each setting, and what was seen: alice and root on Debian 12, alice and root on Debian 13."""
    rows = (line.split("\t") for line in TABLE.read_text().split("\n") if line and not line.startswith("#"))
    return {row[0]: row for row in rows}


MEASURED = table()
OF_THE_DAY = of_the_day(tuple(MEASURED), "RESCUE_WALLS_SAMPLE")


def lines_of(setting: str) -> str:
    """The setting as a drop-in."""
    parts = setting.split(" ; ")
    return "\n".join([*([] if parts[0].startswith("[") else ["[Service]"]), *parts, ""])


@contextmanager
def of_image(image: str) -> Iterator[tuple[Root, Path]]:
    if reason := why_not():
        pytest.skip(f"no server can be booted in namespaces: {reason}")
    lower, key = places(image)
    with layered(lower) as root:
        if reason := cannot_run(root):
            pytest.skip(reason)
        root.write(NETWORK_FILE, NETWORK)
        yield root, key


@pytest.mark.parametrize("image", IMAGES)
def test_no_setting_that_keeps_somebody_out_is_passed_over_and_none_that_lets_in_is_broken(image: str) -> None:
    wrong = []
    with of_image(image) as (root, key), open_target(str(root.place)) as target:
        public = " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])
        for at, user in enumerate(("alice", "root")):
            client = Client(user=user, key=public, sources=(ip_address(SOURCE),))
            tree, _ = survey(target, client)
            for setting in OF_THE_DAY:
                seen = MEASURED[setting][IMAGES[image] + at]
                changed = tree.write(DROP_IN, lines_of(setting))
                _, told = complete(target, changed, partial(examine, client=client))
                gaps = [gap for gap in told.path.gaps if gap.check not in ALWAYS]
                broken = [found.check for found in told.findings if found.severity is Severity.BROKEN]
                if seen != "in" and not told.findings and not gaps:
                    wrong.append(f"{user}: {setting}: called clear, and seen was: {seen}")
                if seen == "in" and broken:
                    wrong.append(f"{user}: {setting}: {broken}, and the login works")
    assert not wrong, "\n".join(wrong)


def test_some_are_measured_again() -> None:
    """One boot, with an sshd for each setting, at a port of its own."""
    with of_image("debian12") as (root, key):
        shipped = (root.text(SHIPPED) or "").partition("[Install]")[0]
        shipped = shipped.replace("[Service]\n", "[Service]\nTimeoutStartSec=20\nRuntimeDirectoryPreserve=yes\n")
        ports = tuple(range(FIRST_PORT, FIRST_PORT + len(BOOTED)))
        for port, setting in zip(ports, BOOTED, strict=True):
            text = shipped.replace("-D $SSHD_OPTS", f"-D -p {port} -o PidFile=/run/w{port}.pid")
            assert f"-p {port}" in text
            root.write(f"/etc/systemd/system/w{port}.service", f"{text}\n{lines_of(setting)}")
            root.link(f"{WANTS}/w{port}.service", f"/etc/systemd/system/w{port}.service")
        seen = boot_ports(root, key, USERS, ports)
    got = {setting: [each.login["alice"], each.login["root"]] for setting, each in zip(BOOTED, seen, strict=True)}
    assert got == {setting: [word == "in" for word in MEASURED[setting][1:3]] for setting in BOOTED}
