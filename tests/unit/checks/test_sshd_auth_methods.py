import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, file
from tests.checking import causes, diff, mended, mended_if_agreed, only_finding
from tests.trees import KEY, PASSWORD_HASH, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
WITH_KEY = Client(user="alice", key=KEY)
PATH = "/etc/ssh/sshd_config.d/10-own.conf"
PASSWORD: dict[str, Entry | str | bytes | None] = {
    "/etc/shadow": file(f"root:*:19700:0:99999:7:::\nalice:{PASSWORD_HASH}:19700:0:99999:7:::\n", 0o640, 0, 42)
}


def setting(text: str) -> dict[str, Entry | str | bytes | None]:
    return {PATH: text}


def test_the_default_is_no_finding() -> None:
    assert causes(server(), ALICE) == []
    assert causes(server(setting("PubkeyAuthentication yes\nAuthenticationMethods any\n")), ALICE) == []


def test_keys_are_switched_on_in_the_line_that_wins() -> None:
    tree = server(setting("# ours\nPubkeyAuthentication no\n"))
    finding = only_finding(tree, "sshd-auth-methods", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.DENIED)
    assert diff(mended(tree, ALICE), PATH) == (["PubkeyAuthentication no"], ["PubkeyAuthentication yes"])


def test_who_gets_in_with_a_password_misses_no_key() -> None:
    assert causes(server({**setting("PubkeyAuthentication no\n"), **PASSWORD}), ALICE) == []
    only_finding(server({**setting("PubkeyAuthentication no\n"), **PASSWORD}), "sshd-auth-methods", WITH_KEY)


def test_a_second_proof_that_nobody_can_give_is_taken_out() -> None:
    tree = server(setting("AuthenticationMethods publickey,password  # two\n"))
    plan = mended_if_agreed(tree, ALICE)
    assert diff(plan, PATH) == (
        ["AuthenticationMethods publickey,password  # two"],
        ["AuthenticationMethods publickey  # two"],
    )


def test_the_same_key_does_not_count_twice() -> None:
    plan = mended_if_agreed(server(setting("AuthenticationMethods publickey,publickey\n")), WITH_KEY)
    assert diff(plan, PATH)[1] == ["AuthenticationMethods publickey"]


def test_a_second_proof_that_the_account_has_is_no_finding() -> None:
    assert causes(server({**setting("AuthenticationMethods publickey,password\n"), **PASSWORD}), ALICE) == []


def test_of_several_lists_one_that_can_be_met_is_enough() -> None:
    assert causes(server(setting("AuthenticationMethods publickey,password publickey\n")), ALICE) == []


def test_a_list_without_a_key_gets_one_only_if_one_says_so() -> None:
    finding = only_finding(server(setting("AuthenticationMethods password\n")), "sshd-auth-methods", ALICE)
    assert finding.repairs[0].safety is Safety.UNSAFE
