"""Configuration that was emptied or lost, and what it is put back from."""

from __future__ import annotations

import pytest

from rescue.model import Client, Safety, Severity
from rescue.pam.templates import sources
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, lines, mended, only_finding
from tests.pam_files import COMMON_ACCOUNT, with_pam
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

ALICE = Client(user="alice")
CONFIG, ACCOUNT = "/etc/ssh/sshd_config", "/etc/pam.d/common-account"
Changes = dict[str, Entry | str | bytes | None]
TEMPLATE = (
    "# account\n$account_primary\naccount\trequisite\tpam_deny.so\naccount\trequired\tpam_permit.so\n"
    "$account_additional\n"
)
UNIX = """\
Name: Unix authentication
Default: yes
Priority: 256
Account-Type: Primary
Account:
\t[success=end new_authtok_reqd=done default=ignore]\tpam_unix.so
Account-Initial:
\t[success=end new_authtok_reqd=done default=ignore]\tpam_unix.so
"""
SSS = UNIX.replace("Priority: 256", "Priority: 128").replace("pam_unix.so", "pam_access.so use_first_pass")
SHARED: Changes = {
    "/usr/share/pam/common-account": TEMPLATE,
    "/usr/share/pam-configs/unix": UNIX,
    "/usr/share/pam-configs/off": SSS.replace("Default: yes", "Default: no"),
    "/usr/share/openssh/sshd_config": SSHD_CONFIG,
}


def pam(**changed: str | None) -> Changes:
    made: Changes = {**with_pam(), **SHARED}
    return {**made, **{f"/etc/pam.d/{name.replace('_', '-')}": text for name, text in changed.items()}}


@pytest.mark.parametrize("text", ["", "\n\n", "# all gone\n"])
def test_an_emptied_common_account_is_made_as_pam_auth_update_does(text: str) -> None:
    tree = server(pam(common_account=text))
    finding = only_finding(tree, "pam-rules-empty", ALICE)
    assert (finding.severity, finding.subject) == (Severity.BROKEN, "account")
    assert ACCOUNT in finding.message
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [ACCOUNT]
    assert lines(plan.after.facts.tree, ACCOUNT)[1:3] == [
        "account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so",
        "account\trequisite\tpam_deny.so",
    ]


def test_two_profiles_jump_over_each_other_and_a_module_that_is_gone_is_left_out() -> None:
    tree = server(
        {
            **pam(),
            "/usr/share/pam-configs/sss": SSS,
            "/usr/share/pam-configs/gone": SSS.replace("pam_access", "pam_gone"),
        }
    )
    source = next(iter(sources(tree, ACCOUNT)))
    assert [line.split()[1] for line in source.text.split("\n") if "success=" in line] == ["[success=2", "[success=1"]
    assert "pam_gone" not in source.text


def test_a_missing_file_that_is_included_comes_back() -> None:
    tree = server(pam(common_account=None))
    finding = only_finding(tree, "pam-init-broken", ALICE)
    assert [each.safety for each in finding.repairs] == [Safety.SAFE, Safety.MANUAL]
    assert changed_paths(mended(tree, ALICE)) == [ACCOUNT]


def test_a_copy_beside_it_comes_before_the_template() -> None:
    tree = server({**pam(common_account=""), f"{ACCOUNT}.dpkg-old": "# mine\n" + COMMON_ACCOUNT})
    plan = mended(tree, ALICE)
    assert lines(plan.after.facts.tree, ACCOUNT)[0] == "# mine"


@pytest.mark.parametrize(
    "copy", [file(COMMON_ACCOUNT, 0o666), file(COMMON_ACCOUNT, 0o644, 1000, 1000), symlink("/etc/passwd"), file("\n")]
)
def test_a_copy_that_others_could_write_or_that_says_nothing_is_none(copy: Entry) -> None:
    tree = server({**pam(common_account=""), f"{ACCOUNT}.dpkg-old": copy})
    assert [str(each.path) for each in sources(tree, ACCOUNT)] == ["/usr/share/pam/common-account"]


def test_without_any_source_it_is_by_hand() -> None:
    tree = server(with_pam(common_account=""))
    assert [each.edit for each in only_finding(tree, "pam-rules-empty", ALICE).repairs] == [None]


def test_an_empty_file_of_sshd_leaves_it_to_other() -> None:
    other = "@include common-auth\n@include common-account\n@include common-session\n"
    assert causes(server(pam(sshd="", other=other)), ALICE) == []
    tree = server(pam(sshd="", other="account required pam_deny.so\n"))
    assert causes(tree, ALICE) != []


@pytest.mark.parametrize("gone", [None, symlink("/mnt/gone")])
def test_a_missing_sshd_config(gone: Entry | None) -> None:
    tree = server({**SHARED, CONFIG: gone})
    assert "sshd-config-error" in causes(tree, ALICE)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [CONFIG]
    entry = plan.after.facts.tree.lentry(CONFIG)
    assert entry is not None
    assert entry.is_file


def test_an_emptied_sshd_config_comes_back_rather_than_an_account_is_unlocked() -> None:
    tree = server({**SHARED, CONFIG: ""})
    only_finding(tree, "shadow-locked-nopam", ALICE)
    assert changed_paths(mended(tree, ALICE)) == [CONFIG]
    assert changed_paths(mended(server({CONFIG: ""}), ALICE)) == ["/etc/shadow"]


def test_no_configuration_but_junk() -> None:
    junk = "".join(f"word{number} x\n" for number in range(100))
    assert changed_paths(mended(server({**SHARED, CONFIG: junk}), ALICE)) == [CONFIG]
