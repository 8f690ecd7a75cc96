"""file-too-large: what was not read is said, and nothing is called clear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.checks import file_too_large
from rescue.facts import Facts
from rescue.model import Severity
from rescue.tree import Tree, file, symlink
from tests.checking import causes, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

HUGE = replace(file(b""), data=None, size=5 << 30)


def test_a_huge_rules_file_leaves_a_doubt() -> None:
    finding = only_finding(server({"/etc/ufw/user.rules": HUGE}), "file-too-large")
    assert finding.severity is Severity.DOUBTFUL
    assert str(finding.locations[0]) == "/etc/ufw/user.rules"


def test_a_huge_file_that_decides_nothing_is_no_matter() -> None:
    assert causes(server({"/etc/ssh/moduli": HUGE, "/root/.ssh/known_hosts": HUGE})) == []


def test_a_file_that_was_read_is_no_matter() -> None:
    assert causes(server()) == []


def networked(line: str, files: dict[str, str]) -> Tree:
    unit = "/usr/lib/systemd/system/networking.service"
    wanted = "/etc/systemd/system/multi-user.target.wants/networking.service"
    return server({"/etc/network/interfaces": line, unit: "[Service]\nExecStart=/sbin/ifup -a\n",
                   wanted: symlink(unit), **files})  # fmt: skip


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("source /srv/*/*/x\n", {f"/srv/{at % 40}/{at}/x": "" for at in range(1_100)}),
        ("source /etc/network/interfaces.d/*\n", {f"/etc/network/interfaces.d/{at}": "" for at in range(1_100)}),
        ("source-directory /srv\n", {f"/srv/n{at}": "" for at in range(1_100)}),
    ],
    ids=["folders", "files", "directory"],
)
def test_a_line_that_names_too_many_files_leaves_a_doubt(line: str, files: dict[str, str]) -> None:
    (finding,) = file_too_large.find(Facts(networked(line, files)))
    assert finding.severity is Severity.DOUBTFUL
    assert str(finding.locations[0]) == "/etc/network/interfaces:1"


@pytest.mark.parametrize("line", ["source /\n", "source-directory /\n", "source /etc/network/interfaces.d/*\n"])
def test_a_line_that_names_few_files_is_no_matter(line: str) -> None:
    assert list(file_too_large.find(Facts(networked(line, {"/etc/network/interfaces.d/a": ""})))) == []


def test_a_file_that_names_itself_leaves_a_doubt() -> None:
    found = list(file_too_large.find(Facts(networked("source /etc/network/interfaces\n", {}))))
    assert [str(each.locations[0]) for each in found] == ["/etc/network/interfaces:1"]
