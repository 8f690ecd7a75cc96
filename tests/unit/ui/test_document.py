"""The documents keep to the schemas that are shipped, which name what there is and let nothing else by."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest

from rescue.examine import examine
from rescue.login_path import State, Verdict
from rescue.model import Client, Safety, Severity, Step, Symptom
from rescue.planner import any_repairs, make_plan
from rescue.status import Status
from rescue.targets.protocol import BUNDLE
from rescue.tree import Action, Entry, symlink
from rescue.ui import document
from rescue.undo_log import State as FixState
from tests.schemas import OF_VERBS, faults, held, schema
from tests.trees import KEY, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
ALICE = Client("alice", (ip_address("203.0.113.7"), ip_address("2001:db8::7")), 22, KEY, NOW)
ANYBODY = Client(now=NOW)

BROKEN: dict[str, Entry | str | bytes | None] = {
    "/etc/ssh/sshd_config": "UsePAM yes\nPermitRotLogin no\n",
    "/etc/nologin": "closed\n",
}
WAIT = "/usr/lib/systemd/system/systemd-networkd-wait-online.service"
LATE: dict[str, Entry | str | bytes | None] = {
    "/etc/ssh/sshd_config": SSHD_CONFIG + "ListenAddress 192.0.2.7\n",
    "/etc/systemd/network/10.network": "[Match]\nName=e*\n[Network]\nAddress=192.0.2.7/24\nIPv6AcceptRA=no\n",
    "/usr/lib/systemd/system/network-online.target": "[Unit]\nAfter=network.target\n",
    WAIT: "[Unit]\nBefore=network-online.target\n[Service]\nExecStart=/bin/true\n",
    "/etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service": symlink(WAIT),
}
SERVERS: dict[str, tuple[dict[str, Entry | str | bytes | None], Verdict]] = {
    "healthy": ({}, Verdict.INCOMPLETE),
    "broken": (BROKEN, Verdict.BROKEN),
    "nameless": ({"/etc/hostname": None, "/etc/os-release": None, "/usr/lib/os-release": None}, Verdict.INCOMPLETE),
    "doubtful": (LATE, Verdict.DOUBTFUL),
    "not UTF-8": ({"/etc/hostname": b"s\xe9rver\n", "/etc/ssh/sshd_config": b"Port 22\n\xff\xfe 3\n"}, Verdict.BROKEN),
}


def inspected(changes: dict[str, Entry | str | bytes | None], client: Client = ANYBODY) -> dict[str, Any]:
    made = document.inspection(
        examine(server(changes), client), "server.img", "libguestfs", ["a note"], [["fix", "a b"]]
    )
    return parsed(made)


def parsed(made: dict[str, object]) -> dict[str, Any]:
    found = json.loads(json.dumps(made))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("client", [ANYBODY, ALICE], ids=["anybody", "alice"])
@pytest.mark.parametrize("name", SERVERS)
def test_an_inspection_keeps_to_the_schema(name: str, client: Client) -> None:
    changes, verdict = SERVERS[name]
    made = inspected(changes, client)
    assert made["verdict"] == verdict
    held(made, "inspect")


def test_a_clear_one_too() -> None:
    clear = examine(server(), ALICE, evidence=False)
    made = parsed(document.inspection(clear, "/", "running system"))
    assert made["verdict"] == "clear"
    held(made, "inspect")


def test_what_an_inspection_says_of_itself() -> None:
    made = inspected(BROKEN)
    assert made["time"] == "2026-05-04T03:02:01+00:00"
    assert made["hostname"] == "lab"
    assert made["next"] == ["rescue fix 'a b'"]
    assert [(each["number"], each["cause"]) for each in made["findings"]] == [(1, "sshd-config-error"), (2, "nologin")]
    numbered = {each["step"]: each["numbers"] for each in made["path"] if each["numbers"]}
    assert numbered == {"service": [1], "account": [2]}
    assert inspected({"/etc/hostname": "# a remark\n\n  db1 \n"})["hostname"] == "db1"
    assert inspected({"/etc/hostname": None})["hostname"] is None


@pytest.mark.parametrize("applied", [False, True], ids=["dry run", "applied"])
def test_a_fix_keeps_to_the_schema(applied: bool) -> None:
    plan = make_plan(server(BROKEN), ANYBODY, any_repairs)
    made = parsed(
        document.fix(
            plan, "server.img", "libguestfs", applied=applied, journal="20260504T030201Z" if applied else None,
            after=plan.after,
        )
    )  # fmt: skip
    held(made, "fix")
    assert [(each["number"], each["cause"]) for each in made["repairs"]] == [(1, "sshd-config-error"), (2, "nologin")]
    assert held(made["after"], "inspect")["findings"] == []


def test_what_a_fix_leaves_has_its_number() -> None:
    plan = make_plan(server(BROKEN), ANYBODY, lambda finding, tree: None)
    made = parsed(document.fix(plan, "x", "directory", applied=False, journal=None, after=plan.after))
    held(made, "fix")
    assert [(each["number"], each["cause"]) for each in made["left"]] == [(1, "sshd-config-error"), (2, "nologin")]


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.CLEAR, Status.BROKEN)])
def test_a_failure_keeps_to_the_schema_of_every_verb(status: Status) -> None:
    held(parsed(document.error("no", "", status)), "disks")


def without(*keys: str | int) -> Callable[[dict[str, Any]], None]:
    def change(made: Any) -> None:
        for key in keys[:-1]:
            made = made[key]
        del made[keys[-1]]

    return change


def with_(value: object, *keys: str | int) -> Callable[[dict[str, Any]], None]:
    def change(made: Any) -> None:
        for key in keys[:-1]:
            made = made[key]
        made[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("verdict"), without("version"), without("path", 3, "missing"), without("findings", 0, "number"),
        without("users", 0, "verdict"), without("path", 9), with_(1, "more"), with_(1, "target", "more"),
        with_("link", "path", 0, "step"), with_(1, "findings", 0, "more"), with_(3, "schema"),
        with_("clear", "verdict"),
        with_("ok", "path", 3, "state"), with_(0, "findings", 0, "number"), with_("now", "time"), with_("", "hostname"),
        with_(1, "findings", 0, "repairs", 0, "more"), with_({}, "error"),
    ],
)  # fmt: skip
def test_a_document_that_drifts_is_told(change: Callable[[dict[str, Any]], None]) -> None:
    made = inspected(BROKEN)
    other = copy.deepcopy(made)
    change(other)
    assert faults(made) == []
    assert faults(other) != []


def test_the_schema_names_all_that_there_is() -> None:
    own = schema("inspect-2")["$defs"]
    assert own["verdict"]["enum"] == ["clear", "incomplete", "doubtful", "broken"]
    assert set(own["verdict"]["enum"]) == {str(each) for each in Verdict}
    assert own["symptom"]["enum"] == [str(each) for each in Symptom]
    assert own["step"]["enum"] == [str(each) for each in Step]
    in_order = own["inspected"]["properties"]["path"]["prefixItems"]
    assert [each["properties"]["step"]["const"] for each in in_order] == own["step"]["enum"]
    assert own["step_verdict"]["properties"]["state"]["enum"] == [str(each) for each in State]
    found = own["finding"]["properties"]
    assert found["severity"]["enum"] == [str(each) for each in Severity]
    assert found["repairs"]["items"]["properties"]["safety"]["enum"] == [str(each) for each in Safety]
    assert own["change"]["properties"]["action"]["enum"] == [str(each) for each in Action]
    assert BUNDLE in own["inspected"]["properties"]["target"]["properties"]["method"]["enum"]
    failures = own["failure"]["properties"]["error"]["properties"]["status"]["enum"]
    assert failures == [int(each) for each in Status if each not in (Status.CLEAR, Status.BROKEN)]
    states = schema("history-2")["properties"]["fixes"]["items"]["properties"]["state"]["enum"]
    assert states == [str(each) for each in FixState]


def test_every_schema_says_which_it_is() -> None:
    for name in set(OF_VERBS.values()):
        assert schema(name)["$id"] == f"urn:rescue:schema:{name}"


def test_an_account_that_cannot_log_in_names_what_blocks_it() -> None:
    made = inspected(BROKEN)
    assert {each["user"]: each["blocked_by"] for each in made["users"]} == {"root": [1], "alice": [1, 2]}
