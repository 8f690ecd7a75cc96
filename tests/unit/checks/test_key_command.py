from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Tree, file
from tests.checking import causes, diff, mended, only_finding
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

ROOT, ALICE = Client(user="root"), Client(user="alice")
KEYS, ROOTS = "/home/alice/.ssh/authorized_keys", "/root/.ssh/authorized_keys"
BORG = "/usr/bin/borg"
CLOUD_INIT = (
    'no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command="echo \'Please login as the user \\"debian\\" '
    'rather than the user \\"root\\".\';echo;sleep 10;exit 142"'
)


def keys(text: str) -> Tree:
    return server({KEYS: file(text, 0o600, 1000, 1000), BORG: file("ELF", 0o755)})


def test_cloud_inits_line_for_root_is_no_finding_where_somebody_else_gets_a_shell() -> None:
    assert causes(server({ROOTS: file(f"{CLOUD_INIT} {KEY}\n", 0o600)})) == []


def test_root_is_told_whom_to_log_in_as() -> None:
    tree = server({ROOTS: file(f"{CLOUD_INIT} {KEY}\n", 0o600)})
    finding = only_finding(tree, "key-command", ROOT)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert (finding.repairs[0].title, finding.repairs[0].safety) == ("log in as debian", Safety.MANUAL)
    assert diff(mended(tree, ROOT, any_repairs), ROOTS)[1] == [
        f"no-port-forwarding,no-agent-forwarding,no-X11-forwarding {KEY}"
    ]


@pytest.mark.parametrize("line", [f"restrict {KEY}", f'command="/usr/bin/borg serve" {KEY}\n{KEY[:-4]}AAAA'])
def test_another_key_with_a_shell_is_enough(line: str) -> None:
    assert causes(keys(f"{line}\n"), ALICE) == []


def test_a_program_may_be_what_the_key_is_for() -> None:
    finding = only_finding(keys(f'command="/usr/bin/borg serve" {KEY}\n'), "key-command", ALICE)
    assert finding.severity is Severity.DOUBTFUL


@pytest.mark.parametrize(
    "options, left",
    [
        ('command="echo no"', ""),
        ('restrict,command="exit 1"', "restrict "),
        ('command="false",no-pty', "no-pty "),
        ('from="192.0.2.0/24",Command="echo \\"a,b\\"",no-pty', 'from="192.0.2.0/24",no-pty '),
    ],
)
def test_only_the_command_is_taken_out(options: str, left: str) -> None:
    client = Client(user="alice", sources=(ip_address("192.0.2.7"),))
    plan = mended(keys(f"{options} {KEY} x\n"), client, any_repairs)
    assert diff(plan, KEYS) == ([f"{options} {KEY} x"], [f"{left}{KEY} x"])


def test_a_program_that_is_missing_is_certain() -> None:
    tree = server({KEYS: file(f'command="{BORG} serve" {KEY}\n', 0o600, 1000, 1000)})
    finding = only_finding(tree, "key-command", ALICE)
    assert finding.severity is Severity.BROKEN
    assert f"{BORG} is missing" in finding.message
