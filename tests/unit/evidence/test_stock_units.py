"""Units that each boot needs, and what is said for all units."""

from __future__ import annotations

from hashlib import md5

import pytest

from rescue.tree import symlink
from tests.judging import gaps_of
from tests.trees import DPKG_STATUS

pytestmark = pytest.mark.unit

SYSTEM = "/etc/systemd/system"


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("sysinit.target", "boot"),
        ("local-fs.target", "boot"),
        ("network.target", "boot"),
        ("system.slice", "boot"),
        ("systemd-user-sessions.service", "account"),
        ("systemd-logind.service", "session"),
        ("user@.service", "session"),
        ("dbus.service", "session"),
    ],
)
def test_a_masked_one_is_told_at_its_step(name: str, step: str) -> None:
    assert (step, "stock-units") in gaps_of({f"{SYSTEM}/{name}": symlink("/dev/null")})


def test_masks_that_people_set_on_purpose_are_not() -> None:
    assert gaps_of({f"{SYSTEM}/rescue.target": symlink("/dev/null")}) == []


def test_a_unit_that_is_not_as_it_was_shipped() -> None:
    files = {
        "/var/lib/dpkg/info/systemd.md5sums": "0123456789abcdef0123456789abcdef  lib/systemd/system/basic.target\n",
        "/usr/lib/systemd/system/basic.target": "[Unit]\n",
    }
    assert ("boot", "stock-units") in gaps_of(files)
    # That it is gone is a change as well.
    assert ("boot", "stock-units") in gaps_of({**files, "/usr/lib/systemd/system/basic.target": None})


def test_the_shipped_one_is_silent() -> None:
    sums = md5(b"[Unit]\n", usedforsecurity=False).hexdigest()
    files = {
        "/var/lib/dpkg/info/systemd.md5sums": f"{sums}  lib/systemd/system/basic.target\n",
        "/usr/lib/systemd/system/basic.target": "[Unit]\n",
        "/var/lib/dpkg/status": DPKG_STATUS,
    }
    assert ("boot", "stock-units") not in gaps_of(files)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/systemd/system.conf.d/x.conf", "[Manager]\nDefaultLimitNOFILE=5\n"),
        ("/etc/systemd/system.conf", "[Manager]\nCapabilityBoundingSet=CAP_KILL\n"),
        ("/etc/systemd/system-generators/own", "#!/bin/sh\n"),
        (f"{SYSTEM}/system.slice.d/x.conf", "[Slice]\nTasksMax=1\n"),
        (f"{SYSTEM}/user-.slice.d/x.conf", "[Slice]\nMemoryMax=1M\n"),
        (f"{SYSTEM}/basic.target.d/x.conf", "[Unit]\nConflicts=ssh.service\n"),
        ("/etc/systemd/logind.conf.d/x.conf", "[Login]\nSessionsMax=0\n"),
    ],
)
def test_what_is_said_for_all_units(path: str, text: str) -> None:
    assert "stock-units" in {evidence for _, evidence in gaps_of({path: text, f"{SYSTEM}/x": ""} | _units())}


def _units() -> dict[str, str]:
    return {
        "/usr/lib/systemd/system/basic.target": "[Unit]\n",
        "/usr/lib/systemd/system/system.slice": "[Unit]\n",
    }


def test_settings_that_everybody_may_have() -> None:
    lines = "[Manager]\nDefaultTimeoutStopSec=15s\nDefaultLimitNOFILE=1024:524288\nLogLevel=info\n"
    assert gaps_of({"/etc/systemd/system.conf.d/x.conf": lines}) == []
    assert gaps_of({"/etc/systemd/logind.conf": "[Login]\nKillUserProcesses=no\n"}) == []


@pytest.mark.parametrize(
    ("folder", "text", "step"),
    [
        ("system.slice.d", "[Slice]\nIPAddressDeny=any\n", "service"),
        ("-.slice.d", "[Slice]\nMemoryMax=1M\n", "service"),
        ("slice.d", "[Slice]\nTasksMax=2\n", "service"),
        ("target.d", "[Unit]\nConflicts=ssh.service\n", "service"),
        ("-.mount.d", "[Unit]\nRequires=nosuch.device\n", "service"),
        ("user.slice.d", "[Slice]\nTasksMax=1\n", "session"),
        ("session-.scope.d", "[Scope]\nRuntimeMaxSec=1\n", "session"),
        ("scope.d", "[Scope]\nRuntimeMaxSec=1\n", "session"),
    ],
)
def test_units_that_systemd_makes_without_a_file_have_drop_ins_too(folder: str, text: str, step: str) -> None:
    assert (step, "stock-units") in gaps_of({f"{SYSTEM}/{folder}/x.conf": text})
    assert gaps_of({f"{SYSTEM}/{folder}/x.conf": "[Unit]\nDescription=Mine\n"}) == []
    assert gaps_of({f"{SYSTEM}/{folder}/x.conf~": text}) == []
