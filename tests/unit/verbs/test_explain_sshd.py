"""``rescue explain sshd`` is a page until a target is known, named or inspected last."""

from __future__ import annotations

import pytest

from rescue.cli import main
from rescue.verbs import explain
from rescue.verbs.request.client import ClientOptions
from rescue.verbs.request.last_target import Recalled
from rescue.verbs.request.request import OpeningOptions

pytestmark = pytest.mark.unit


def test_it_is_a_page_where_no_target_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(explain, "recall", lambda: None)
    assert main(["explain", "sshd"]) == 0
    assert "sshd's settings for one connection" in capsys.readouterr().out


def test_the_target_inspected_last_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last = Recalled("/nowhere/at/all", ClientOptions(), OpeningOptions())
    monkeypatch.setattr(explain, "recall", lambda: last)
    monkeypatch.setattr("rescue.verbs.request.last_target.recall", lambda: last)
    assert main(["explain", "sshd"]) == 4
    assert "/nowhere/at/all" in capsys.readouterr().err


def test_no_other_page_takes_a_target() -> None:
    assert main(["explain", "path", "/"]) == 2
