from __future__ import annotations

import pytest

from rescue.checks import sshd_config_error
from rescue.examine import examine
from rescue.facts import Facts
from rescue.login_path import State, Verdict
from rescue.model import Client, Safety, Severity, Step
from rescue.planner import any_repairs
from rescue.tree import Entry, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import KEY, SSH_SERVICE, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/50-mine.conf"
CHECK = "sshd-config-error"


def test_a_healthy_server_has_no_finding() -> None:
    assert list(sshd_config_error.find(Facts(server()))) == []


def test_a_misspelt_keyword_is_corrected_in_its_file() -> None:
    tree = server({DROP_IN: "# mine\nPasswordAuthentification no\n"})
    finding = only_finding(tree, CHECK)
    assert str(finding.locations[0]) == f"{DROP_IN}:2"
    plan = mended(tree)
    assert changed_paths(plan) == [DROP_IN]
    assert diff(plan, DROP_IN) == (["PasswordAuthentification no"], ["PasswordAuthentication no"])


def test_a_keyword_of_nothing_is_commented_out() -> None:
    plan = mended(server({DROP_IN: "AllowFoo bar\nX11Forwarding no\n"}))
    assert diff(plan, DROP_IN) == (["AllowFoo bar"], ["#AllowFoo bar"])


def test_a_misspelt_value_is_corrected() -> None:
    plan = mended(server({DROP_IN: "PermitRootLogin prohibit-pasword\n"}))
    assert diff(plan, DROP_IN) == (["PermitRootLogin prohibit-pasword"], ["PermitRootLogin prohibit-password"])


def test_a_value_that_could_mean_anything_is_commented_out_and_says_what_falls_back() -> None:
    tree = server({DROP_IN: "PasswordAuthentication never\n"})
    (repair,) = only_finding(tree, CHECK).repairs
    assert "default (yes)" in repair.weakens
    assert diff(mended_if_agreed(tree), DROP_IN) == (
        ["PasswordAuthentication never"],
        ["#PasswordAuthentication never"],
    )


def test_algorithms_that_are_gone_are_taken_out_of_the_list_and_the_others_stay() -> None:
    tree = server({DROP_IN: "MACs ^hmac-ripemd160,hmac-sha2-512,umac-64@openssh.com,hmac-ripemd160-etm@openssh.com\n"})
    (first, _) = only_finding(tree, CHECK).repairs
    assert first.title.startswith("remove hmac-ripemd160 and hmac-ripemd160-etm@openssh.com from MACs")
    (_, new) = diff(mended(tree), DROP_IN)
    assert new == ["MACs ^hmac-sha2-512,umac-64@openssh.com"]


def test_a_list_of_algorithms_in_quotation_marks_keeps_what_is_around_it() -> None:
    plan = mended(server({DROP_IN: 'Ciphers "aes256-ctr,arcfour" # strong\n'}))
    assert diff(plan, DROP_IN) == (['Ciphers "aes256-ctr,arcfour" # strong'], ["Ciphers aes256-ctr # strong"])


def test_a_list_of_which_no_algorithm_is_left_is_commented_out() -> None:
    plan = mended_if_agreed(server({DROP_IN: "Ciphers arcfour,blowfish-cbc\n"}))
    assert diff(plan, DROP_IN) == (["Ciphers arcfour,blowfish-cbc"], ["#Ciphers arcfour,blowfish-cbc"])


def test_a_line_appended_behind_a_match_block_is_moved_before_it() -> None:
    block = "\nMatch User backup\n    X11Forwarding no\n"
    plan = mended(server({MAIN: SSHD_CONFIG + block + "UseDNS no\n"}))
    text = plan.after.facts.tree.text(MAIN)
    assert text == SSHD_CONFIG + "\nUseDNS no\nMatch User backup\n    X11Forwarding no\n"


def test_a_line_appended_twice_is_moved_twice() -> None:
    tree = server({MAIN: SSHD_CONFIG + "Match User backup\nPort 22\nPort 22\n"})
    text = mended(tree).after.facts.tree.text(MAIN)
    assert text == SSHD_CONFIG + "Port 22\nPort 22\nMatch User backup\n"


def test_a_line_in_a_file_that_a_block_includes_has_no_place_and_is_commented_out() -> None:
    tree = server({MAIN: SSHD_CONFIG + "Match User backup\nInclude extra\n", "/etc/ssh/extra": "UseDNS no\n"})
    assert diff(mended(tree), "/etc/ssh/extra") == (["UseDNS no"], ["#UseDNS no"])


def test_a_block_that_can_not_be_read_is_commented_out_as_a_whole() -> None:
    tree = server({MAIN: SSHD_CONFIG + "Match Nobody x\n  PermitRootLogin yes\n  PasswordAuthentication yes\n"})
    plan = mended_if_agreed(tree)
    assert diff(plan, MAIN)[1] == ["#Match Nobody x", "  #PermitRootLogin yes", "  #PasswordAuthentication yes"]


def test_a_misspelt_criterion_is_corrected() -> None:
    plan = mended(server({MAIN: SSHD_CONFIG + "Match Adress 10.0.0.0/8\n  X11Forwarding no\n"}))
    assert diff(plan, MAIN) == (["Match Adress 10.0.0.0/8"], ["Match Address 10.0.0.0/8"])


def test_every_wrong_line_is_a_finding_of_its_own() -> None:
    tree = server({DROP_IN: "Foo bar\nPort 99999\n"})
    assert causes(tree) == [CHECK, CHECK]
    assert diff(mended(tree), DROP_IN) == (["Foo bar", "Port 99999"], ["#Foo bar", "#Port 99999"])


def test_the_same_wrong_line_twice_is_mended_twice() -> None:
    plan = mended(server({DROP_IN: "Foo bar\nFoo bar\n"}))
    assert diff(plan, DROP_IN) == (["Foo bar"] * 2, ["#Foo bar"] * 2)


def test_a_subsystem_defined_twice_loses_the_second_line() -> None:
    tree = server({DROP_IN: "Subsystem sftp internal-sftp\n"})
    plan = mended(tree)
    assert changed_paths(plan) == [MAIN]
    assert diff(plan, MAIN)[1] == ["#Subsystem\tsftp\t/usr/lib/openssh/sftp-server"]


def test_two_factors_with_the_second_turned_off_are_kept_by_turning_it_on() -> None:
    tree = server({DROP_IN: "AuthenticationMethods publickey,keyboard-interactive\n"})
    finding = only_finding(tree, CHECK)
    assert [repair.safety for repair in finding.repairs] == [Safety.SAFE, Safety.UNSAFE]
    assert diff(mended(tree), MAIN) == (["KbdInteractiveAuthentication no"], ["KbdInteractiveAuthentication yes"])


def test_an_included_link_to_nothing_is_found_and_its_include_commented_out() -> None:
    tree = server({DROP_IN: symlink("/etc/crypto-policies/back-ends/opensshserver.config")})
    finding = only_finding(tree, CHECK)
    assert DROP_IN in finding.message
    assert finding.repairs[0].safety is Safety.SAFE


def test_a_byte_order_mark_is_removed() -> None:
    plan = mended(server({DROP_IN: "\ufeffX11Forwarding no\n"}))
    assert plan.after.facts.tree.text(DROP_IN) == "X11Forwarding no\n"


def test_a_missing_main_file_is_for_a_person_to_bring_back() -> None:
    finding = only_finding(server({MAIN: None}), CHECK)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_what_the_disk_can_not_tell_is_doubtful() -> None:
    finding = only_finding(server({DROP_IN: "ListenAddress vps.example.org\n"}), CHECK)
    assert finding.severity is Severity.DOUBTFUL
    assert "vps.example.org" in finding.reason


@pytest.mark.parametrize(
    "line", ["UsePrivilegeSeparation sandbox", "Protocol 2", "RSAAuthentication yes", "X11Forwarding no\r"]
)
def test_old_keywords_and_windows_line_ends_are_left_alone(line: str) -> None:
    assert causes(server({DROP_IN: f"{line}\n"})) == []


def test_wild_bytes_are_quoted_and_not_obeyed() -> None:
    broken: Entry | bytes = b"\xff\xfe\x1b[2J no\n"
    assert causes(server({DROP_IN: broken})) == [CHECK]


@pytest.mark.parametrize("line", ["Lorem{0} ipsum\n", "A=1\n", "Port 22\n"], ids=["different", "copies", "ports"])
def test_a_file_that_is_no_configuration_is_one_finding_for_a_person(line: str) -> None:
    tree = server({MAIN: "".join(line.format(number) for number in range(5_000))})
    finding = only_finding(tree, CHECK)
    assert finding.severity is Severity.BROKEN
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]
    assert len(finding.locations) == sshd_config_error.MAX_WRONG


@pytest.mark.parametrize("text", ["\n" * 500_000, "AuthorizedKeysFile " + "/k1 " * 200_000], ids=["lines", "a line"])
def test_a_file_made_to_take_for_ever_is_not_judged(text: str) -> None:
    found = examine(server({DROP_IN: text}), Client())
    assert found.path.verdict is Verdict.INCOMPLETE
    gaps = [gap for gap in found.path.gaps if gap.step is Step.SERVICE]
    assert any("too many or too long" in gap.what and gap.check == "file-unreadable" for gap in gaps)


def test_a_configuration_of_thousands_of_users_is_judged() -> None:
    blocks = "".join(f"Match User u{number}\n    ForceCommand internal-sftp\n" for number in range(2_000))
    assert causes(server({DROP_IN: blocks})) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SSHD_OPTS='-p 22 -oFoo=1'", "SSHD_OPTS='-p 22 '"),
        ("SSHD_OPTS=-oX11Forwarding=maybe -p 22", "SSHD_OPTS=-p 22"),
        ("SSHD_OPTS=-o 'Ciphers nosuch' -p 22", "SSHD_OPTS=-p 22"),
    ],
)
def test_a_bad_option_of_the_command_line_is_taken_out_alone(before: str, after: str) -> None:
    path = "/etc/default/ssh"
    tree = server({path: f"{before}\n"})
    only_finding(tree, "sshd-config-error")
    assert diff(mended(tree, choose=any_repairs), path) == ([before], [after])


def test_a_packages_own_unit_is_not_edited() -> None:
    unit = SSH_SERVICE.replace("$SSHD_OPTS", "-oFoo=1")
    finding = only_finding(server({"/usr/lib/systemd/system/ssh.service": unit}), "sshd-config-error")
    assert [repair.edit for repair in finding.repairs] == [None]


@pytest.mark.parametrize("pattern", ["/etc/*", "/etc/group", "/*/*"])
def test_no_line_of_another_program_is_changed_for_sshd(pattern: str) -> None:
    tree = server({DROP_IN: f"Include {pattern}\n"})
    found = [each for each in sshd_config_error.find(Facts(tree)) if "/etc/group" in each.subject]
    assert found
    assert all(repair.safety is Safety.MANUAL for each in found for repair in each.repairs)
    assert any("Include" in repair.title for each in found for repair in each.repairs)


def test_what_its_settings_decide_is_not_ok_before_it_takes_them() -> None:
    """The checks of keys and accounts can't look: "ok" would mean that there is nothing else to mend."""
    path = examine(server({MAIN: "Nonsense 1\nPubkeyAuthentication no\n"}), Client(user="alice", key=KEY)).path
    states = {step.step.word: step.state for step in path.steps}
    for word in ("listen", "accept", "account", "key", "session"):
        assert states[word] is State.NOT_JUDGED, word
