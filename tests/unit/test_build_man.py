"""The manual and the completions that scripts/build-man makes, held against the parser and tried in real shells."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rescue.checks import all_checks
from rescue.labs.lessons.scenario import all_scenarios
from rescue.man import pages
from scripts.developer.release import build_man
from scripts.developer.release.man_pages import PAGES_OF
from scripts.developer.release.spoken import verbs

pytestmark = pytest.mark.unit

STAMP = 1_700_000_000
VERBS = [each.name for each in verbs()]
CAUSES = {each.id for each in all_checks()}
LABS = {each.id for each in all_scenarios()}


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("share")
    build_man.write(into, STAMP)
    return into


def _page(share: Path, name: str) -> str:
    return gzip.decompress((share / f"man/man1/{name}.1.gz").read_bytes()).decode()


def _needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_every_command_has_a_page_that_names_all_its_options(share: Path) -> None:
    names = {path.name for path in (share / "man/man1").iterdir()}
    assert names == {"rescue.1.gz", *(f"rescue-{verb}.1.gz" for verb in VERBS)}
    for verb in verbs():
        page = _page(share, f"rescue-{verb.name}")
        for option in verb.options:
            assert all(name.replace("-", r"\-") in page for name in option.names), (verb.name, option.names)


def test_every_page_of_explain_stands_in_the_manual() -> None:
    assert {each for names in PAGES_OF.values() for each in names} == set(pages())
    assert set(PAGES_OF) <= {"", *VERBS}


def test_the_manual_shows_what_the_page_says(share: Path) -> None:
    _needs("groff")
    words = ["groff", "-man", "-Tutf8", "-rLL=200n", "-rHY=0", "-P-cbou"]
    for verb, names in PAGES_OF.items():
        roff = _page(share, f"rescue-{verb}" if verb else "rescue")
        ended = subprocess.run(words, input=roff, capture_output=True, text=True, check=True, encoding="utf-8")
        shown = set(_plain(ended.stdout))
        for name in names:
            assert set(_plain(pages()[name])) - shown == set(), name


def _plain(text: str) -> list[str]:
    """The words, with plain hyphens."""
    for long in ("\u2010", "\u2011", "\u2212"):
        text = text.replace(long, "-")
    return text.split()


@pytest.mark.parametrize(
    "words",
    [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-z", "-Tutf8"]],
    ids=["mandoc", "groff"],
)
def test_the_pages_are_clean(share: Path, words: list[str]) -> None:
    _needs(words[0])
    for name in ("rescue", *(f"rescue-{verb}" for verb in VERBS)):
        ended = subprocess.run(words, input=_page(share, name), capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", ""), name


def test_two_builds_are_the_same(share: Path, tmp_path: Path) -> None:
    build_man.write(tmp_path, STAMP)
    assert _digests(tmp_path) == _digests(share)


def _digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


CASES = {
    "verb": (["fi"], {"firewall", "fix"}),
    "any verb": ([""], set(VERBS)),
    "option": (["undo", "--un"], {"--undo-log"}),
    "choice": (["inspect", "--format", "v"], {"vmdk", "vhdx", "vpc", "vdi"}),
    "choice behind an equals sign": (["inspect", "--format", "=", "qc"], {"qcow2"}),
    "cause": (["fix", "--only", "sshd-m"], {each for each in CAUSES if each.startswith("sshd-m")}),
    "cause behind the target": (["fix", "--yes", "disk.img", "nolo"], {"nologin"}),
    "cause or page": (["explain", "targ"], {"target"}),
    "file": (["inspect", "dis"], {"disk.img"}),
    "file behind an option's value": (["inspect", "--user", "alice", "dis"], {"disk.img"}),
    "file with a space": (["inspect", "my"], {"my disk"}),
    "action": (["lab", "sta"], {"start", "status"}),
    "lab": (["lab", "start", ""], LABS),
    "verb behind another machine": (["--via", "root@h", "fi"], {"firewall", "fix"}),
    "its option behind another machine": (["--via", "root@h", "undo", "--un"], {"--undo-log"}),
    "the file that is sent there": (["--via", "h", "--via-file", "dis"], {"disk.img"}),
    "an option before the verb": (["--vi"], {"--via", "--via-file"}),
    "the server's own command": (["shell", "disk.img", "--", "dis"], set()),
}


@pytest.mark.parametrize(("typed", "offered"), CASES.values(), ids=CASES)
def test_bash_offers(share: Path, tmp_path: Path, typed: list[str], offered: set[str]) -> None:
    (tmp_path / "disk.img").touch()
    (tmp_path / "my disk").touch()
    script = (
        '. "$1"; shift; COMP_WORDS=(rescue "$@"); COMP_CWORD=$#\n'
        "complete -p rescue >&2; _rescue; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    words = ["bash", "--norc", "-c", script, "bash", str(share / "bash-completion/completions/rescue"), *typed]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stderr == "complete -F _rescue rescue\n"
    assert set(ended.stdout.split("\n")) - {""} == offered


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("rescue fi", {"firewall", "fix"}),
        ("rescue undo --undo", {"--undo-log"}),
        ("rescue --via root@h fi", {"firewall", "fix"}),
        ("rescue --via root@h undo --undo", {"--undo-log"}),
        ("rescue inspect --format q", {"qcow2"}),
        ("rescue fix --only nolog", {"nologin"}),
        ("rescue explain nolog", {"nologin"}),
        ("rescue inspect --user alice dis", {"disk.img"}),
        ("rescue lab stat", {"status"}),
        ("rescue lab start ", LABS),
    ],
)
def test_fish_offers(share: Path, tmp_path: Path, typed: str, offered: set[str]) -> None:
    _needs("fish")
    (tmp_path / "disk.img").touch()
    script = "source $argv[1]; complete -C $argv[2]"
    words = ["fish", "--no-config", "-c", script, str(share / "fish/vendor_completions.d/rescue.fish"), typed]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert {line.partition("\t")[0] for line in ended.stdout.splitlines()} == offered, ended.stderr


ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; rescue() { print -r -- \"<\$*>\" }
PS1=rea''dy:"
zpty -r shell seen '*ready:*'
zpty -n -w shell "$2"$'\t\n'
zpty -r shell seen '*<*>*'
print -r -- "${${seen##*<}%%>*}"
zpty -d shell
"""


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("rescue insp", "inspect"),
        ("rescue undo --undo", "undo --undo-log"),
        ("rescue --via root@h insp", "--via root@h inspect"),
        ("rescue inspect --format qc", "inspect --format qcow2"),
        ("rescue inspect --format=qc", "inspect --format=qcow2"),
        ("rescue fix --only nolog", "fix --only nologin"),
        ("rescue fix disk.img nolog", "fix disk.img nologin"),
        ("rescue inspect --user alice dis", "inspect --user alice disk.img"),
        ("rescue explain nolog", "explain nologin"),
        ("rescue lab statu", "lab status"),
        ("rescue lab start accounts-wi", "lab start accounts-without-shell"),
    ],
)
def test_zsh_completes(share: Path, tmp_path: Path, typed: str, completed: str) -> None:
    _needs("zsh")
    (tmp_path / "disk.img").touch()
    words = ["zsh", "-f", "-c", ZSH, "zsh", str(share / "zsh/vendor-completions"), typed]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb", "COLUMNS": "400"}
    ended = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stdout.rstrip().rstrip("=") == completed, ended
