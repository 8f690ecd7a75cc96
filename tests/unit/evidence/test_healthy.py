"""A healthy server has nothing that was not judged but what no disk tells."""

from __future__ import annotations

import pytest

from rescue.evidence import Evidence, all_evidence
from tests.judging import gaps, gaps_of
from tests.pam_files import with_pam
from tests.trees import server

pytestmark = pytest.mark.unit

PARTS = ("Decides:", "Not judged:", "Supply:")


def test_a_healthy_server_is_silent() -> None:
    assert gaps(server()) == []


def test_and_with_pam_asked() -> None:
    assert gaps_of(with_pam()) == []


@pytest.mark.parametrize("each", all_evidence(), ids=lambda each: each.id)
def test_each_has_a_whole_manual(each: Evidence) -> None:
    manual = each.manual
    paragraphs = manual.strip().split("\n\n")
    assert [part for part in PARTS if any(each.startswith(part) for each in paragraphs)] == list(PARTS)
    assert len(" ".join(paragraphs[0].split())) <= 160
