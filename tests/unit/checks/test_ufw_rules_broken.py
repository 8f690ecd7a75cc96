"""A rules file of ufw does not load."""

from __future__ import annotations

import pytest

from rescue.model import Safety
from rescue.tree import Entry, Tree
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.firewall.files import BEFORE, USER, allow, before, user, with_ufw

pytestmark = pytest.mark.unit

CHECK = "ufw-rules-broken"
SSH = (allow(22), allow(22, "::/0"))


def with_user_rules(text: Entry | str | bytes | None, **more: str) -> Tree:
    return with_ufw(*SSH, **{"ufw__user.rules": text, **more})


def test_files_that_load_are_no_finding() -> None:
    assert causes(with_user_rules(user(4, allow(22)))) == []


def test_a_line_that_can_not_be_loaded_is_commented_out() -> None:
    tree = with_user_rules(user(4, allow(22)).replace("### END RULES", "oops\n### END RULES"))
    found = only_finding(tree, CHECK)
    assert found.locations[0].text == "oops"
    assert "can't load" in found.message
    assert diff(mended(tree), USER) == (["oops"], ["#oops"])
    assert f"comment out line {found.locations[0].line})" in found.repairs[0].title


def test_so_are_all_others() -> None:
    text = user(4, allow(22)).replace("### END RULES", "oops\n-A ufw-user-input -j ACEPT\n### END RULES")
    assert diff(mended(with_user_rules(text)), USER)[1] == ["#oops", "#-A ufw-user-input -j ACEPT"]
    at = text.split("\n").index("oops") + 1
    assert f"comment out lines {at}, {at + 1})" in only_finding(with_user_rules(text), CHECK).repairs[0].title


def test_line_ends_of_windows_go() -> None:
    text = user(4, allow(22))
    plan = mended(with_user_rules(text.replace("\n", "\r\n")))
    assert plan.after.facts.tree.text(USER) == text


def test_a_missing_commit_is_added() -> None:
    text = user(4, allow(22))
    plan = mended(with_user_rules(text.removesuffix("COMMIT\n")))
    assert plan.after.facts.tree.text(USER) == text


@pytest.mark.parametrize("content", [None, ""])
def test_a_file_that_is_gone_is_made_anew_from_its_template(content: str | None) -> None:
    tree = with_user_rules(content)
    tree = tree.write("/usr/share/ufw/iptables/user.rules", user(4))
    assert only_finding(tree, CHECK).repairs[0].safety is Safety.SAFE
    plan = mended(tree)
    assert changed_paths(plan) == [USER]
    made = plan.after.facts.tree.entry(USER)
    assert made is not None
    assert made.mode == 0o640


def test_without_a_template_a_person_has_to_write_it() -> None:
    found = only_finding(with_user_rules(None), CHECK)
    assert [repair.safety for repair in found.repairs] == [Safety.MANUAL]


def test_a_broken_line_of_before_rules_takes_the_answers_with_it() -> None:
    lo = "-A ufw-before-input -i lo"
    text = before(4).replace(lo, f"{lo} --what\n{lo}", 1)
    tree = with_ufw(allow(80), **{"ufw__before.rules": text})
    assert causes(tree) == [CHECK]
    assert changed_paths(mended(tree))[0] == BEFORE
