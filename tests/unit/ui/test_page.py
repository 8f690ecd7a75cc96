"""The web pages: whole, readable without a script, harmless whatever the disk holds."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest

from rescue.checks import all_checks
from rescue.examine import Examination, examine
from rescue.model import Client
from rescue.planner import make_plan, safe_repairs
from rescue.space.usage import DirectoryUse, FileUse, Usage
from rescue.tree import Change, FileSystem, Tree
from rescue.ui.page.disk_picture import Filled, disk_pictures, percent
from rescue.ui.page.frame import POLICY, SCRIPT, STYLE, _allowed
from rescue.ui.page.inspection import FindingKey, Gathered, Server, Written, fix_page, page
from rescue.ui.page.markup import Html, tag, text
from rescue.verbs.page import preview, reach
from rescue.version import __version__
from tests.trees import GIB, server
from tests.unit.firewall.files import RELATED, saved, with_saved

pytestmark = pytest.mark.unit

SERVER = Server("disk.img", "libguestfs", "disk.img", ("--user", "alice"), ("a note",))
VOID = {"meta", "br", "hr"}


class Outline(HTMLParser):
    """What is in a page: elements with their attributes, the text in them; it fails where they don't nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def text(self, *tags: str) -> str:
        return " ".join(words for tag, words in self.words if not tags or tag in tags)


def gathered(examination: Examination) -> Gathered:
    tree = examination.facts.tree
    previews: dict[FindingKey, dict[str, tuple[Change, ...]]] = {
        each.key: {way.title: tuple(preview(way, tree)) for way in each.repairs} for each in examination.findings
    }
    manuals = {check.id: check.manual for check in all_checks()}
    return Gathered(previews, reach(examination.facts), (), manuals)


def shown(tree: Tree, client: Client | None = None, with_: Gathered | None = None) -> tuple[str, Outline]:
    examination = examine(tree, client or Client())
    made = page(examination, SERVER, with_ or gathered(examination))
    return made, Outline(made)


BLOCKED = with_saved(saved(RELATED, "-A INPUT -s 203.0.113.0/24 -p tcp --dport 22 -j ACCEPT"))


def test_the_page_is_whole_and_says_what_when_and_by_which_version() -> None:
    made, outline = shown(server({"/etc/nologin": "closed\n"}))
    assert made.startswith("<!DOCTYPE html>")
    assert made.rstrip().endswith("</html>")
    words = outline.text()
    assert f"Made by rescue {__version__} on " in words
    assert re.search(r"on \d{4}-\d\d-\d\d at \d\d:\d\d UTC", words)
    assert "Note: a note" in words
    assert "Permission denied" in outline.text("pre") or "Connection closed" in outline.text("pre")
    assert len(outline.all("h1")) == 1


def test_each_finding_is_a_card_with_its_evidence_diff_manual_and_commands() -> None:
    tree = server({"/etc/nologin": "closed\n", "/etc/ssh/sshd_config": "PermitRootLogn yes\n"})
    _, outline = shown(tree)
    cards = outline.all("article")
    assert [each["id"] for each in cards] == ["finding-1", "finding-2"]
    assert outline.text("del").split("\n")[0].startswith("-PermitRootLogn yes")
    assert "+PermitRootLogin yes" in outline.text("ins")
    words = outline.text()
    assert "/etc/nologin:1" in words
    assert "Symptom:" in outline.text("strong")
    assert "rescue fix disk.img 2 --user alice" in outline.text("code")
    assert "rescue fix disk.img --user alice" in outline.text("code")
    assert {each["href"] for each in outline.all("a")} == {"#finding-1", "#finding-2"}


def test_nothing_is_loaded_and_no_script_is_needed() -> None:
    made, outline = shown(BLOCKED)
    assert outline.all("link") == outline.all("img") == outline.all("iframe") == []
    assert not any("src" in each or "onclick" in each or "style" in each for _, each in outline.found)
    assert len(outline.all("script")) == 1
    assert outline.all("button") == []
    policy = next(each["content"] for each in outline.all("meta") if "http-equiv" in each)
    assert policy == POLICY
    assert _allowed(STYLE) in POLICY
    assert _allowed(SCRIPT) in POLICY
    inner = made[made.index("<script>") + 8 : made.index("</script>")]
    assert inner == SCRIPT
    assert made[made.index("<style>") + 7 : made.index("</style>")] == STYLE


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre></style><b>"])
def test_a_hostile_text_is_text(evil: str) -> None:
    tree = server({"/etc/nologin": f"{evil}\n", "/etc/hostname": f"{evil}\n", "/etc/ssh/sshd_config": f"{evil}\n"})
    examination = examine(tree, Client())
    made = page(examination, Server(evil, evil, evil, (evil,), (evil,)), gathered(examination))
    outline = Outline(made)
    assert evil not in made
    assert len(outline.all("script")) == 1
    assert outline.all("img") == outline.all("b") == []
    assert evil.split()[0] in outline.text()


def test_nothing_invisible_gets_into_it() -> None:
    made, _ = shown(server({"/etc/nologin": "\x1b[2J\u202e\u200bclosed\x00\n"}))
    assert not set(made) & set("\x1b\u202e\u200b\x00")


def test_the_path_is_a_picture_and_a_list() -> None:
    _, outline = shown(server({"/etc/nologin": "closed\n"}))
    picture = next(each for each in outline.all("svg") if each["class"] == "wide")
    assert str(picture["aria-label"]).startswith("The path to a login: boot not judged, disk ok, ")
    assert "account broken" in str(picture["aria-label"])
    assert "8. account: broken" in outline.text("span")
    assert all(each.get("role") == "img" and each.get("aria-label") for each in outline.all("svg"))


def test_the_address_map_says_who_may_connect_and_where_you_are() -> None:
    _, outline = shown(BLOCKED, Client(sources=(ip_address("198.51.100.7"),)))
    titles = outline.text("title")
    assert "203.0.0.0/8: time out; get in" in titles
    assert "127.0.0.0/8: not used as a source" in titles
    assert "your address 198.51.100.7" in titles
    assert "203.0.113.0/24: may connect" in outline.text("span")
    assert "everybody else: time out" in outline.text("span")
    # A square for each /8: 256 of IPv4, and 32 of IPv6's public part.
    assert len(outline.all("rect")) == 256 + 32


def test_no_map_where_nothing_keeps_anybody_away() -> None:
    _, outline = shown(server())
    assert outline.all("rect") == []
    assert "No firewall on this disk keeps anybody away" in outline.text()


ROOT = FileSystem("/", "ext4", 20 * GIB, GIB, GIB // 2, 1000, 400)


def test_a_full_disk_is_drawn_with_what_fills_it() -> None:
    usage = Usage(
        "/",
        (DirectoryUse(PurePosixPath("/"), 19 * GIB, 100), DirectoryUse(PurePosixPath("/var/<log>"), 15 * GIB, 50)),
        (FileUse(PurePosixPath("/var/<log>/x"), 14 * GIB),), 19 * GIB, 100, complete=False,
    )  # fmt: skip
    outline = Outline(disk_pictures([Filled(ROOT, usage), Filled(FileSystem("/boot"))]))
    assert "98 % of 20 GiB used, 512 MiB left; 60 % of its 1000 inodes used" in outline.text()
    assert "the sums are too small" in outline.text()
    assert "/var/<log>" in outline.text("code")
    assert [each["class"] for each in outline.all("svg")] == ["bar"] * 4
    assert outline.text("h3") == "/"  # of a file system whose size is unknown nothing is said


@pytest.mark.parametrize(
    ("filesystem", "share"),
    [(ROOT, 98), (replace(ROOT, size=0), 0), (replace(ROOT, available=0), 100), (replace(ROOT, available=99 * GIB), 0)],
)
def test_the_share_that_is_used(filesystem: FileSystem, share: int) -> None:
    assert percent(filesystem) == share


@pytest.mark.parametrize("written", [True, False])
def test_the_page_of_a_fix_says_what_was_done_and_how_to_take_it_back(written: bool) -> None:
    plan = make_plan(server({"/etc/nologin": "closed\n"}), Client(), safe_repairs)
    record = "20261201-1" if written else None
    made = fix_page(Written(plan, plan.after, record, "rescue undo disk.img"), SERVER, gathered(plan.before))
    outline = Outline(made)
    words = outline.text()
    assert ("recorded as 20261201-1" in words) is written
    assert ("rescue undo disk.img" in outline.text("code")) is written
    assert ("these are the changes that a fix would make" in words) is not written
    assert "remove /etc/nologin" in words
    assert "-closed" in outline.text("del")
    assert "What nologin is: the manual" in outline.text("summary")
    assert ("8. account: broken" in outline.text("span")) is not written


def test_markup_escapes_all_but_markup() -> None:
    assert tag("p", "<&>", Html("<b>"), title='"') == '<p title="&quot;">&lt;&amp;&gt;<b></p>'
    assert text("a\n\tb\x07") == "a\n        b\\x07"
    assert tag("rect", x=1) == '<rect x="1"/>'


def _light(color: str) -> float:
    """The relative luminance of WCAG 2.1."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[0])) | dict(
        re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[scheme])
    )
    pairs = [(word, back) for word in ("text", "soft", "link", "ok", "bad", "doubt") for back in ("back", "card")]
    pairs += [("on-fill", f"{kind}-fill") for kind in ("ok", "bad", "doubt", "none")]
    for word, back in pairs:
        high, low = sorted((_light(colors[word]), _light(colors[back])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (word, back)
