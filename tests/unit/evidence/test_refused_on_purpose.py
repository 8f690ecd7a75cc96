"""refused-on-purpose: an account that sshd's settings keep out is never told to get in, whoever else does."""

from __future__ import annotations

from io import StringIO
from ipaddress import ip_address

import pytest

from rescue.examine import examine
from rescue.login_path import Verdict
from rescue.model import Client
from rescue.ui.report import Report, console
from tests.evidence import gaps
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

CHECK = "refused-on-purpose"
CONFIG = "/etc/ssh/sshd_config"
ANYBODY = Client(sources=(ip_address("192.0.2.7"),), key=KEY)


@pytest.mark.parametrize(
    "text",
    ["PermitRootLogin no\n", "PermitRootLogin forced-commands-only\n", "DenyUsers root\n", "AllowUsers alice\n",
     "DenyUsers root\nPermitRootLogin no\n", "AllowGroups alice\n"],
)  # fmt: skip
def test_root_is_kept_out_and_people_are_not(text: str) -> None:
    tree = server({CONFIG: text})
    [gap] = gaps(tree, CHECK, ANYBODY)
    assert (gap.user, gap.supply) == ("root", "--user root")
    judged = examine(tree, ANYBODY)
    root = next(each for each in judged.path.users if each.user == "root")
    assert root.verdict is Verdict.INCOMPLETE
    assert root.refused_at == gap.locations[0]
    out = StringIO()
    Report(console(out)).users(judged)
    assert f"root   refused by sshd, perhaps on purpose ({gap.locations[0]})" in out.getvalue()


@pytest.mark.parametrize(
    "text", ["", "PermitRootLogin prohibit-password\n", "AllowUsers root alice\n", "DenyUsers bob\n"]
)
def test_whom_nothing_keeps_out_has_no_such_gap(text: str) -> None:
    assert gaps(server({CONFIG: text}), CHECK, ANYBODY) == []


def test_whoever_asks_for_a_user_gets_a_finding() -> None:
    tree = server({CONFIG: "PermitRootLogin no\n"})
    asked = Client(user="root", key=KEY)
    assert gaps(tree, CHECK, asked) == []
    assert [each.check for each in examine(tree, asked).findings] == ["sshd-permitrootlogin"]


def test_an_account_with_keys_that_a_list_refuses_is_a_finding() -> None:
    tree = server({CONFIG: "DenyUsers alice\n"})
    assert gaps(tree, CHECK, ANYBODY) == []
    assert "sshd-allow-deny" in {each.check for each in examine(tree, ANYBODY).findings}
