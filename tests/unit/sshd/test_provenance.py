"""Which line decided, which lost, and what the default is."""

from __future__ import annotations

import pytest

from rescue.model import Location
from rescue.sshd import Server
from rescue.sshd.commandline import Options
from rescue.sshd.language.match import Connection
from rescue.sshd.provenance import Row, rows
from tests.unit.sshd.configs import MAIN, Build, for_user, reading, tree_of

pytestmark = pytest.mark.unit


def row(server: Server, keyword: str, user: str = "alice") -> Row:
    return next(row for row in rows(server, for_user(server, user)) if row.keyword.name == keyword)


def places(found: Row) -> list[str]:
    return [str(line.setting.location) for line in found.lines]


def test_the_first_line_wins_and_the_one_that_lost_is_told() -> None:
    server = reading(
        "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n", d_50_conf="PasswordAuthentication no\n"
    )
    found = row(server, "PasswordAuthentication")
    assert places(found) == ["/etc/ssh/sshd_config.d/50.conf:1"]
    assert [(str(lost.location), lost.words) for lost in found.overruled] == [(f"{MAIN}:2", ("yes",))]
    assert found.is_set


def test_a_repetition_is_no_news() -> None:
    assert row(reading("UsePAM yes\nUsePAM yes\n"), "UsePAM").overruled == ()


def test_a_block_that_applies_counts_more_and_is_named() -> None:
    server = reading("X11Forwarding no\nMatch User alice\nX11Forwarding yes\n")
    found = row(server, "X11Forwarding")
    assert [str(line.match) for line in found.lines] == [f"{MAIN}:2"]
    assert [lost.words for lost in found.overruled] == [("no",)]
    other = row(server, "X11Forwarding", user="bob")
    assert [line.match for line in other.lines] == [None]
    assert other.overruled == ()


def test_a_block_that_may_apply_is_an_alternative() -> None:
    server = reading("Match Address 203.0.113.0/24\nPermitRootLogin no\n")
    assert row(server, "PermitRootLogin").lines[0].setting.words == ("no",)
    unknown = next(row for row in rows(server, for_user(server, address=None)) if row.keyword.name == "PermitRootLogin")
    assert unknown.lines[0].setting.words == ("prohibit-password",)
    assert [other.settings[0].words for other in unknown.alternatives] == [("no",)]


def test_every_line_of_a_list_counts() -> None:
    found = row(reading("AllowUsers alice\nAllowUsers bob\n"), "AllowUsers")
    assert places(found) == [f"{MAIN}:1", f"{MAIN}:2"]


def test_the_command_line_comes_before_every_file() -> None:
    place = Location(tree_of("").resolve("/etc/default/ssh"), 1, "SSHD_OPTS=-oUsePAM=yes -p 2222")
    given = Options(((2222, place),), (("usepam", "yes", place), ("match", "all", place)))
    server = Server(tree_of("UsePAM no\nPort 22\n"), Build(), given)
    assert server.fatal == ()
    assert places(row(server, "UsePAM")) == ["/etc/default/ssh:1"]
    assert [lost.words for lost in row(server, "UsePAM").overruled] == [("no",)]
    port = row(server, "Port")
    assert (places(port), [lost.words for lost in port.overruled]) == (["/etc/default/ssh:1"], [("22",)])


def test_a_bad_option_of_the_command_line_stops_sshd() -> None:
    place = Location(tree_of("").resolve("/etc/default/ssh"), 1, "SSHD_OPTS=-oFoo=1")
    (problem,) = Server(tree_of(""), Build(), Options((), (("foo", "1", place),))).fatal
    assert problem.location == place


def test_a_file_of_the_command_line_is_read_in_place_of_the_usual_one() -> None:
    tree = tree_of("Port 22\n", other_conf="Port 2222\n")
    server = Server(tree, Build(), Options(config=tree.resolve("/etc/ssh/other.conf")))
    assert places(row(server, "Port")) == ["/etc/ssh/other.conf:1"]


def test_a_keyword_that_the_version_does_not_know_has_no_row() -> None:
    server = reading("", (8, 4))
    names = {row.keyword.name for row in rows(server, for_user(server))}
    assert "RequiredRSASize" not in names
    assert {"Port", "Ciphers", "AllowUsers"} <= names


def test_a_default_has_no_place() -> None:
    found = row(reading("# nothing\n"), "MaxAuthTries")
    assert not found.is_set
    assert [(line.setting.words, line.setting.location) for line in found.lines] == [(("6",), None)]
    assert row(reading(""), "Ciphers").listed


def test_answers_are_of_the_connection() -> None:
    server = reading("Match LocalPort 22\nMaxSessions 3\n")
    at = Connection("alice", frozenset(), None, None, None, 2222)
    found = next(row for row in rows(server, server.effective_for(at)) if row.keyword.name == "MaxSessions")
    assert not found.is_set
