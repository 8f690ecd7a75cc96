"""No place, or hardly one, for a connection that is under way."""

from __future__ import annotations

import pytest

from rescue.model import Severity
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.trees import DPKG_STATUS, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
OLD = {"/var/lib/dpkg/status": DPKG_STATUS.replace("1:9.2p1-2+deb12u6", "1:8.4p1-5")}


@pytest.mark.parametrize(
    ("line", "default"),
    [("PerSourceMaxStartups 0", "PerSourceMaxStartups none"), ("MaxStartups 2", "MaxStartups 10:30:100")],
)
def test_the_line_is_set_to_the_default(line: str, default: str) -> None:
    tree = server({MAIN: f"{SSHD_CONFIG}{line}\n"})
    severity = only_finding(tree, "sshd-maxstartups").severity
    assert severity is (Severity.BROKEN if line.endswith("0") else Severity.DOUBTFUL)
    assert diff(mended_if_agreed(tree), MAIN) == ([line], [default])


def test_old_versions_take_a_first_number_of_none() -> None:
    tree = server({MAIN: SSHD_CONFIG + "MaxStartups 0:30:100\n", **OLD})
    finding = only_finding(tree, "sshd-maxstartups")
    assert finding.severity is Severity.DOUBTFUL
    assert "30 of 100 connections" in finding.message


def test_none_closes_every_connection_where_it_is_taken() -> None:
    tree = server({MAIN: SSHD_CONFIG + "MaxStartups 0\n", **OLD})
    assert only_finding(tree, "sshd-maxstartups").severity is Severity.BROKEN
    assert causes(server({MAIN: SSHD_CONFIG + "MaxStartups 0\n"})) == ["sshd-config-error"]


@pytest.mark.parametrize("value", ["2:100:50", "1:100:100"])
def test_a_rate_can_make_the_first_number_the_limit(value: str) -> None:
    tree = server({MAIN: f"{SSHD_CONFIG}MaxStartups {value}\n"})
    assert only_finding(tree, "sshd-maxstartups").severity is Severity.DOUBTFUL
    assert diff(mended_if_agreed(tree), MAIN) == ([f"MaxStartups {value}"], ["MaxStartups 10:30:100"])


@pytest.mark.parametrize("value", ["10", "3:50:10", "10:30:100", "3:100:3"])
def test_what_people_set_is_no_fault(value: str) -> None:
    assert causes(server({MAIN: f"{SSHD_CONFIG}MaxStartups {value}\n"})) == []
