"""A skip for a reason that is not in the list makes the run red."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.skips import allowed, main, tell

pytestmark = pytest.mark.unit

LIST = Path(__file__).resolve().parents[1] / "allowed-skips"


@dataclass
class Report:
    nodeid: str
    longrepr: object


REPORTS = [
    Report("tests/system/test_a.py::test_one[x]", ("test_a.py", 3, "Skipped: no collection of real rules at /there")),
    Report("tests/system/test_a.py::test_two", ("test_a.py", 9, "Skipped: no collection of real rules at /there")),
    Report("tests/system/test_b.py", ("test_b.py", 9, "Skipped: no Debian bookworm\n\tcould be built")),
]


def test_each_reason_is_printed_with_how_often_and_what_is_not_allowed_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, good = tmp_path / "told", tmp_path / "allowed"
    tell(told, REPORTS[:1])
    tell(told, REPORTS[1:])
    assert main([str(told)]) == 0
    assert "     2 tests/system/test_a.py: no collection of real rules at /there\n" in capsys.readouterr().out
    good.write_text("# reasons\n\nno collection of real rules at *   # beside the checkout\n")
    assert main([str(told), str(good)]) == 1
    said = capsys.readouterr().out.split("\n")
    assert [line for line in said if "NOT ALLOWED" in line] == [
        "     1 tests/system/test_b.py: no Debian bookworm could be built   <- NOT ALLOWED"
    ]
    good.write_text("no collection of real rules at *\nno Debian bookworm could be built\n")
    assert main([str(told), str(good)]) == 0


def test_nothing_was_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "told").touch()
    assert main([str(tmp_path / "told"), str(LIST)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "reason",
    [
        "no Debian bookworm could be built: []",
        "sshd-bookworm can't be got: not installed: mmdebstrap",
        "needs the package ipset",
        "not installed: lvm2",
        "the bindings of libguestfs are not installed",
        "needs root: namespaces, loop devices, chroots",
        "no machine can be booted: qemu-system-x86_64 is not installed",
    ],
)
def test_what_can_be_had_here_is_no_reason(tmp_path: Path, reason: str) -> None:
    tell(tmp_path / "told", [Report("a.py::b", ("a.py", 1, f"Skipped: {reason}"))])
    assert main([str(tmp_path / "told"), str(LIST)]) == 1


def test_no_reason_of_the_list_is_good_for_everything() -> None:
    for pattern in allowed(LIST):
        assert len(pattern.strip("*")) > 12, pattern
