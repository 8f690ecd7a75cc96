from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.checks import sshd_permitrootlogin
from rescue.facts import Facts
from rescue.model import Client, Severity, Symptom
from rescue.tree import Tree, file
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import KEY, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/01-permitrootlogin.conf"
CHECK = "sshd-permitrootlogin"
ROOT = Client(user="root")
ALONE = {"/home/alice/.ssh/authorized_keys": None}


def refusing(line: str = "PermitRootLogin no") -> Tree:
    return server({DROP_IN: f"{line}\n", MAIN: SSHD_CONFIG + "PermitRootLogin yes\n"})


def test_a_healthy_server_has_no_finding() -> None:
    assert list(sshd_permitrootlogin.find(Facts(server(), ROOT))) == []


def test_the_line_that_wins_is_changed_and_not_the_main_file() -> None:
    tree = refusing("PermitRootLogin no # policy")
    finding = only_finding(tree, CHECK, ROOT)
    assert str(finding.locations[0]) == f"{DROP_IN}:1"
    assert "with a key" in finding.repairs[0].weakens
    plan = mended(tree, ROOT)
    assert changed_paths(plan) == [DROP_IN]
    assert diff(plan, DROP_IN) == (["PermitRootLogin no # policy"], ["PermitRootLogin prohibit-password # policy"])


def test_keeping_root_out_is_no_fault_where_people_have_accounts() -> None:
    assert causes(refusing()) == []
    assert causes(refusing(), Client(user="alice")) == []


def test_root_is_let_in_where_nobody_else_could_log_in() -> None:
    tree = server({**ALONE, DROP_IN: "PermitRootLogin no\n"})
    assert causes(tree) == [CHECK]
    assert diff(mended(tree), DROP_IN)[1] == ["PermitRootLogin prohibit-password"]


def test_forced_commands_give_no_shell() -> None:
    assert "no shell" in only_finding(refusing("PermitRootLogin forced-commands-only"), CHECK, ROOT).message


@pytest.mark.parametrize("word", ["yes", "prohibit-password", "without-password"])
def test_other_values_let_a_key_in(word: str) -> None:
    assert causes(server({DROP_IN: f"PermitRootLogin {word}\n"}), ROOT) == []


def test_a_block_that_applies_is_the_line_that_wins() -> None:
    block = "PermitRootLogin yes\nMatch User root\n  PermitRootLogin no\n"
    tree = server({MAIN: SSHD_CONFIG + block})
    assert diff(mended(tree, ROOT), MAIN) == (["  PermitRootLogin no"], ["  PermitRootLogin prohibit-password"])


def test_a_block_for_some_addresses_is_doubtful_until_the_address_is_told() -> None:
    block = "PermitRootLogin no\nMatch Address 10.0.0.0/8\n  PermitRootLogin yes\n"
    tree = server({MAIN: SSHD_CONFIG + block})
    finding = only_finding(tree, CHECK, ROOT)
    assert finding.severity is Severity.DOUBTFUL
    assert "Match Address 10.0.0.0/8" in finding.reason
    assert causes(tree, Client(user="root", sources=(ip_address("10.1.1.1"),))) == []
    elsewhere = Client(user="root", sources=(ip_address("192.0.2.1"),))
    assert only_finding(tree, CHECK, elsewhere).severity is Severity.BROKEN


def test_a_configuration_that_stops_sshd_is_the_only_finding() -> None:
    assert causes(refusing("PermitRootLogin no\nFoo bar"), ROOT) == ["sshd-config-error"]


def test_a_key_with_a_command_of_its_own_is_let_in_by_forced_commands_only() -> None:
    own = file(f'command="/usr/bin/backup" {KEY}\n', 0o600)
    tree = server({DROP_IN: "PermitRootLogin forced-commands-only\n", "/root/.ssh/authorized_keys": own})
    assert causes(tree, ROOT) == ["key-command"]


def test_without_one_the_connection_ends_after_the_key() -> None:
    assert only_finding(refusing("PermitRootLogin forced-commands-only"), CHECK, ROOT).symptom is Symptom.CLOSED
    assert only_finding(refusing(), CHECK, ROOT).symptom is Symptom.DENIED
