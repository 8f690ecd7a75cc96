import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.programs import elf
from tests.trees import PROGRAM, server

pytestmark = pytest.mark.unit

SYSTEMD, LOADER = "/usr/lib/systemd/systemd", "/usr/lib64/ld-linux-x86-64.so.2"
INIT: dict[str, Entry | str | bytes | None] = {
    "/usr/sbin/init": symlink("../lib/systemd/systemd"),
    SYSTEMD: file(elf(interpreter="/lib64/ld-linux-x86-64.so.2"), 0o755),
    "/lib64": symlink("usr/lib64"),
    LOADER: file(PROGRAM, 0o755),
}


def test_an_init_that_starts_is_no_fault() -> None:
    assert causes(server(INIT)) == []
    assert causes(server({**INIT, SYSTEMD: file(PROGRAM, 0o755), LOADER: None})) == []
    assert causes(server({**INIT, "/usr/sbin/init": file("#!/bin/sh\n", 0o755)})) == []
    assert causes(server()) == []  # no init at all: a container


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({"/lib64": None}, ["/lib64"]),
        ({"/usr/sbin/init": None}, ["/usr/sbin/init"]),
        ({"/usr/sbin/init": symlink("/lib/systemd/gone")}, ["/usr/sbin/init"]),
        ({SYSTEMD: file(PROGRAM, 0o644)}, [SYSTEMD]),
    ],
)
def test_one_link_or_mode_is_put_right(changes: dict[str, Entry | None], written: list[str]) -> None:
    tree = server({**INIT, **changes})
    finding = only_finding(tree, "boot-init")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert changed_paths(mended(tree)) == written


@pytest.mark.parametrize(
    "changes", [{LOADER: None}, {SYSTEMD: ""}, {SYSTEMD: None}, {SYSTEMD: file(b"\x7fELF", 0o755)}]
)
def test_what_is_gone_or_damaged_comes_back_with_its_package(changes: dict[str, Entry | str | None]) -> None:
    finding = only_finding(server({**INIT, **changes}), "boot-init")
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]
