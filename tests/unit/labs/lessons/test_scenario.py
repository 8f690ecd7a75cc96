"""The scenarios' files: what the loader refuses, and what holds for every one of them."""

from __future__ import annotations

import re
import subprocess
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rescue.checks import all_checks
from rescue.cli import parser
from rescue.labs.images.recipe import recipes
from rescue.labs.lessons.scenario import (
    DIRECTORY,
    Difficulty,
    Scenario,
    ScenarioError,
    SmallDisk,
    all_scenarios,
    load,
    scenario,
)
from rescue.man import pages
from rescue.model import Symptom

pytestmark = pytest.mark.unit

IMAGES = Path(__file__).resolve().parents[4] / "images"

HEALTHY = """
title = "A title"
difficulty = "first steps"
story = "What I did."
symptom = "refused"
causes = ["sshd-disabled"]
hints = ["One.", "Two.", "Three."]
learnt = "To be remembered."
"""

PLANNED = """
ipset-persisted firewalld-no-ssh firewalld-zone fail2ban-ban crowdsec-ban csf-port csf-ban shorewall-rules
hosts-deny docker-port-22 port-taken sshd-binary-broken socket-port-ignored socket-activated-sshd-broken
sshd-not-installed hostkeys-regenerated moduli-empty cloudinit-sshd-dropin crypto-policy sshd-maxauthtries
sshd-maxsessions sshd-maxstartups sshd-penalties listenaddress-stale listenaddress-race forcecommand key-command
rcfile-exit selinux-port selinux-context sshd-apparmor keyfile-format passwd-corrupt pam-session-broken pam-time
pam-limits pam-listfile faillock pam-2fa nss-broken sudoers-broken suid-lost root-locked inodes quota fstab-emergency
fs-errors disk-readonly netplan-yaml mac-mismatch-clone nic-renamed net-static-wrong net-gateway net-ip-conflict
ifupdown-broken networkd networkmanager net-service-disabled vpn-default-route docker-subnet net-mtu net-sysctl
net-modules boot-kernel boot-initramfs boot-emergency boot-init boot-hang time
"""
"""Causes that scenarios may wait for. A misspelt cause would be waited for in vain, and nothing would be tested."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "some-scenario"
    made.mkdir()
    (made / "scenario.toml").write_text(HEALTHY)
    (made / "break.sh").write_text("systemctl disable ssh\n")
    (made / "solve.sh").write_text("systemctl enable ssh\n")
    return made


def told(folder: Path, text: str) -> None:
    (folder / "scenario.toml").write_text(text)


# -- the loader ----------------------------------------------------------------------------------------------------


def test_what_is_left_out_has_its_default(folder: Path) -> None:
    loaded = load(folder)
    assert (loaded.id, loaded.symptom) == ("some-scenario", Symptom.REFUSED)
    assert (loaded.image, loaded.user, loaded.port, loaded.family) == ("debian12", "root", 22, 4)
    assert loaded.explain == loaded.causes == ("sshd-disabled",)
    assert loaded.options == loaded.erased == ()
    assert loaded.keeps == ()
    assert loaded.disk is None
    assert not loaded.boot
    assert not loaded.unsafe


def test_a_small_disk_may_have_few_inodes(folder: Path) -> None:
    told(folder, HEALTHY + 'disk = { size = "512M", inodes = 12000 }\n')
    assert load(folder).disk == SmallDisk("512M", 12000)


@pytest.mark.parametrize(
    ("value", "boot", "whole"), [("false", False, False), ("true", True, False), ('"whole"', True, True)]
)
def test_a_boot_may_be_whole(folder: Path, value: str, boot: bool, whole: bool) -> None:
    told(folder, HEALTHY + f"boot = {value}\n")
    assert (load(folder).boot, load(folder).whole) == (boot, whole)


@pytest.mark.parametrize("key", ["title", "difficulty", "story", "symptom", "causes", "hints", "learnt"])
def test_a_missing_key_is_named(folder: Path, key: str) -> None:
    told(folder, re.sub(rf"(?m)^{key} = .*$", "", HEALTHY))
    with pytest.raises(ScenarioError, match=f"missing: {key}$"):
        load(folder)


def test_an_unknown_key_is_named(folder: Path) -> None:
    told(folder, HEALTHY + 'hint = "One."\n')
    with pytest.raises(ScenarioError, match=r"unknown: hint$"):
        load(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('symptom = "slow"', "slow"),
        ('difficulty = "hard"', "hard"),
        ("title = 3", "title has to be a text"),
        ('causes = "sshd-disabled"', "causes has to be a list of texts"),
        ("hints = [1, 2, 3]", "hints has to be a list of texts"),
        ('port = "22"', "port has to be a number"),
        ("port = true", "port has to be a number"),
        ("port = 70000", "port has to be between 1 and 65535"),
        ("family = 5", "family has to be 4 or 6"),
        ("boot = 1", 'boot has to be true, false or "whole"'),
        ('boot = "half"', 'boot has to be true, false or "whole"'),
        ('disk = { size = "512M", blocks = 3 }', "blocks"),
        ('keeps = [{ what = "a", file = "/b", holds = "(" }]', r"the pattern '\('"),
        ('keeps = [{ what = "a", file = "/b" }]', "holds"),
    ],
)
def test_a_value_that_can_not_be_is_said(folder: Path, line: str, said: str) -> None:
    key = line.partition(" ")[0]
    told(folder, re.sub(rf"(?m)^{key} = .*$", "", HEALTHY) + line + "\n")
    with pytest.raises(ScenarioError, match=said):
        load(folder)


@pytest.mark.parametrize("name", ["scenario.toml", "break.sh", "solve.sh"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ScenarioError, match=name):
        load(folder)


def test_a_file_that_is_no_toml_is_said_with_its_place(folder: Path) -> None:
    told(folder, "title: A title\n")
    with pytest.raises(ScenarioError, match=r"some-scenario can't be read: .*line 1"):
        load(folder)


def test_an_unknown_scenario_gets_the_names_that_are_spelled_alike() -> None:
    with pytest.raises(ScenarioError, match="there is no scenario 'ssh-disabled'") as refused:
        scenario("ssh-disabled")
    assert "Did you mean sshd-disabled" in refused.value.hint
    assert "rescue lab list" in refused.value.hint


def test_a_name_like_no_other_gets_the_list() -> None:
    with pytest.raises(ScenarioError) as refused:
        scenario("qqq")
    assert refused.value.hint == "See: rescue lab list"


def test_the_easy_ones_come_first() -> None:
    ranks = [list(Difficulty).index(each.difficulty) for each in all_scenarios()]
    assert ranks == sorted(ranks)


def test_a_cause_without_a_check_is_waited_for(folder: Path) -> None:
    assert load(folder).waiting == ()
    told(folder, HEALTHY.replace('["sshd-disabled"]', '["sshd-disabled", "not-yet"]'))
    assert load(folder).waiting == ("not-yet",)


def test_the_options_get_the_public_keys_file(folder: Path) -> None:
    told(folder, HEALTHY + 'options = ["--user", "alice", "--key", "KEY"]\n')
    assert load(folder).words(Path("/keys/mine")) == ("--user", "alice", "--key", "/keys/mine.pub")


# -- every scenario ------------------------------------------------------------------------------------------------


def those(wrong: Callable[[Scenario], object]) -> dict[str, object]:
    """The scenarios of which something is wrong, and what."""
    return {each.id: found for each in all_scenarios() if (found := wrong(each))}


def test_there_are_at_least_thirty() -> None:
    assert len(all_scenarios()) >= 30


def test_every_folder_is_a_scenario() -> None:
    folders = {path.name for path in DIRECTORY.iterdir() if path.is_dir()}
    assert folders == {each.id for each in all_scenarios()}


def test_a_name_can_be_typed_in_a_web_console() -> None:
    assert those(lambda each: not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.id)) == {}


def test_a_cause_is_known_or_planned() -> None:
    known = {check.id for check in all_checks()} | set(PLANNED.split())
    assert those(lambda each: not each.causes or set(each.causes) - known) == {}


def test_what_is_given_to_read_is_there_or_planned() -> None:
    known = {check.id for check in all_checks()} | pages().keys() | set(PLANNED.split())
    assert those(lambda each: not each.explain or set(each.explain) - known) == {}


def test_a_server_is_one_of_the_recipes() -> None:
    known = recipes(IMAGES)
    assert those(lambda each: each.image not in known and each.image) == {}


def test_everybody_is_locked_out_somehow() -> None:
    assert those(lambda each: each.symptom is Symptom.OK) == {}


def test_options_are_those_of_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    parsers = [_verb(parser(), name) for name in ("inspect", "fix")]
    for each in all_scenarios():
        for verb in parsers:
            _, unknown = verb.parse_known_args(["/", *each.words(Path("/keys/mine"))])
            assert unknown == [], each.id
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["break.sh", "solve.sh"])
def test_scripts_are_valid(name: str) -> None:
    assert those(lambda each: complaints(DIRECTORY / each.id / name)) == {}


def test_a_person_can_type_the_manual_way() -> None:
    assert those(lambda each: not 1 <= len(lines(each.solve_script)) <= 10) == {}
    assert those(lambda each: [line for line in lines(each.solve_script) if len(line) > 200]) == {}


def test_the_manual_way_is_a_decent_one() -> None:
    rude = re.compile(r"ufw (--force )?(disable|reset)|chmod (-R )?0?777|PermitRootLogin yes|nft flush|-P INPUT ACCEPT")
    assert those(lambda each: rude.search(each.solve_script)) == {}


def test_a_break_does_not_explain_itself() -> None:
    assert those(lambda each: re.search(r"(?m)^\s*# ", each.break_script.partition("<<")[0])) == {}


def test_hints_are_three_to_five_and_each_another() -> None:
    assert those(lambda each: not 3 <= len(set(each.hints)) == len(each.hints) <= 5) == {}


def test_nothing_that_is_told_before_the_end_holds_a_line_of_the_solution() -> None:
    assert those(lambda each: [line for line in lines(each.solve_script) if line in told_before(each)]) == {}


def test_nothing_that_is_told_before_the_end_holds_the_name_of_the_cause() -> None:
    # An id of one word is a word like any other ("nologin").
    assert those(lambda each: [id for id in each.causes if "-" in id and id in told_before(each)]) == {}


def test_what_is_kept_is_a_file_of_the_server() -> None:
    assert those(lambda each: [keep for keep in each.keeps if not (keep.what and keep.file.startswith("/"))]) == {}


def told_before(each: Scenario) -> str:
    """What a person is told who has not solved it yet."""
    return " ".join(" ".join((each.title, each.story, *each.hints)).split())


def lines(script: str) -> list[str]:
    """What is typed, line by line, with single blanks."""
    return [" ".join(line.split()) for line in script.splitlines() if line.strip()]


def complaints(script: Path) -> str:
    """What the shell says of a script that it reads and does not run; empty if it is well."""
    ended = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False)
    return ended.stderr if ended.returncode else ""


def _verb(made: ArgumentParser, name: str) -> ArgumentParser:
    """The parser of one verb's words. argparse has no public way to it."""
    choices = next(action for action in made._actions if action.dest == "verb").choices
    assert isinstance(choices, Mapping)
    found = choices[name]
    assert isinstance(found, ArgumentParser)
    return found
