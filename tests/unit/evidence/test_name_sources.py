"""Accounts that come from elsewhere than the system's own files."""

from __future__ import annotations

import pytest

from tests.judging import gaps_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "line",
    [
        "passwd: sss files",
        "passwd: files [SUCCESS=continue] nosuch",
        "group: ldap files",
        "passwd: files [NOTFOUND=return] ldap",
        "shadow: winbind files",
    ],
)
def test_another_source_first_or_one_that_ends_the_search(line: str) -> None:
    assert ("account", "name-sources") in gaps_of({"/etc/nsswitch.conf": line + "\n"})


@pytest.mark.parametrize(
    "line", ["passwd: files", "passwd: files systemd", "group: files sss", "hosts: files dns", "# passwd: ldap"]
)
def test_the_files_first(line: str) -> None:
    assert gaps_of({"/etc/nsswitch.conf": line + "\n"}) == []
