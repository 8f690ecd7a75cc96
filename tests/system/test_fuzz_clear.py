"""A few servers of the reverse sweep (scripts/fuzz-clear): broken, judged, booted, and logged in to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.clear.booted import NETWORK, NETWORK_FILE, boot, cannot_run, layered, why_not
from tests.system.clear.root import Root
from tests.system.fuzz_clear import USERS, Case, judged, places

pytestmark = pytest.mark.system

UNIT = "/etc/systemd/system/ssh.service.d/local.conf"


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    if reason := why_not():
        pytest.skip(f"no server can be booted in namespaces: {reason}")


@pytest.fixture(scope="module")
def image() -> tuple[Path, Path]:
    lower, key = places("debian12")
    with layered(lower) as root:
        if reason := cannot_run(root):
            pytest.skip(reason)
    return lower, key


def _case(image: tuple[Path, Path], steps: tuple[str, ...], change: Callable[[Root], object]) -> Case:
    lower, key = image
    with layered(lower) as root:
        root.write(NETWORK_FILE, NETWORK)
        case = Case("debian12", 0, "test", steps, str(change(root)))
        for user in USERS:
            case.judged[user] = judged(root, user, key.with_name(key.name + ".pub"))
        seen = boot(root, key, USERS)
        case.login, case.saying, case.console = seen.login, seen.saying, seen.console
        return case


def test_an_unbroken_server_lets_in_and_has_nothing_that_names_a_fault(image: tuple[Path, Path]) -> None:
    case = _case(image, (), lambda root: "")
    assert case.login == {"alice": True, "root": True}, (case.saying, case.console)
    assert [case.of(user) for user in USERS] == ["in", "in"], case.judged


@pytest.mark.parametrize(
    ("steps", "change"),
    [
        (("service", "accept"), lambda root: root.write(UNIT, "[Service]\nCapabilityBoundingSet=~CAP_SYS_CHROOT\n")),
        (("session",), lambda root: root.write("/home/alice/.bash_profile", "sleep 3000\n", 0o644)),
        (("network",), lambda root: root.chmod(NETWORK_FILE, 0o640)),
        (("service", "network"), lambda root: root.write("/etc/rc.local", "#!/bin/sh\nsystemctl stop ssh\n", 0o755)),
    ],
    ids=["sandbox", "start file", "network file", "late"],
)
def test_what_keeps_somebody_out_is_named(
    image: tuple[Path, Path], steps: tuple[str, ...], change: Callable[[Root], object]
) -> None:
    case = _case(image, steps, change)
    assert not case.login["alice"], "the change harms nobody: the test tests nothing"
    assert case.of("alice") in ("found", "doubted", "not judged"), case.judged["alice"]
