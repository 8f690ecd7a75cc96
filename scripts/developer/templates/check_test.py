"""TODO: the cause in a few words."""

from __future__ import annotations

import pytest

from rescue.model import Severity, Symptom
from tests.checking import causes, diff, mended, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

PATH = "/etc/cause-id.conf"


def test_it_is_finished() -> None:
    pytest.fail("TODO: fill in rescue/checks/cause_id.py and this file, and remove this test")


def test_the_line_is_found_and_removed() -> None:
    tree = server({PATH: "# mine\nlocked = yes\nport = 22\n"})
    finding = only_finding(tree, "cause-id")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    assert [str(each) for each in finding.locations] == [f"{PATH}:2"]
    assert diff(mended(tree), PATH) == (["locked = yes"], [])


@pytest.mark.parametrize("text", [None, "", "# locked = yes\n", "locked = no\n"])
def test_what_must_not_alarm(text: str | None) -> None:
    assert causes(server({PATH: text})) == []
