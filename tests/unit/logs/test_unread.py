"""What can't be read of the logs never counts as empty: it is named."""

from __future__ import annotations

import pytest

from rescue.facts import Facts
from rescue.model import Client
from rescue.story.whole import story
from rescue.tree import directory, symlink
from tests.remembering import JOURNAL
from tests.trees import server

pytestmark = pytest.mark.unit


def test_logs_that_are_none_are_named() -> None:
    tree = server(
        {
            JOURNAL: b"\x07" * 4096,
            "/var/log/auth.log": directory(),
            "/var/log/syslog": symlink("syslog"),
            "/var/log/kern.log": symlink("/nowhere"),
        }
    )
    told = "\n".join(story(Facts(tree, Client())).unread)
    for path in (JOURNAL, "/var/log/auth.log", "/var/log/syslog", "/var/log/kern.log"):
        assert path in told
