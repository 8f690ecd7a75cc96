"""``scripts/build-docs``: the handbook. A page for each cause, for what is not judged, each page of the manual, docs/.

The sources are Markdown that is made here; Sphinx (BSD) with MyST (MIT) makes the pages, and an index that a browser
searches without a server.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from rescue.checks import Check, all_checks
from rescue.evidence import all_evidence
from rescue.labs.lessons.by_hand import by_hand
from rescue.labs.lessons.scenario import all_scenarios
from rescue.man import pages
from rescue.model import Step
from rescue.outside.symptoms import SEEN, causes_of
from rescue.ui.help import OF_VERBS, TOP
from rescue.version import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST = ("install", "commands", "via", "doctor", "promises", "labs")
"""Pages of docs/ for who uses it, in this order; the others are for who wants to know more."""
LEFT_OUT = frozenset({"causes"})
"""Of docs/: the list of causes, in place of which each has a page."""
CONF = f"""\
project = "rescue"
author = "The rescue developers"
version = release = "{__version__}"
extensions = ["myst_parser"]
html_theme = "alabaster"
html_theme_options = {{"description": "Locked out of your server?", "fixed_sidebar": True, "page_width": "70rem"}}
html_sidebars = {{"**": ["about.html", "searchbox.html", "navigation.html"]}}
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["_static"]
highlight_language = "none"
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]
"""
_LINK = re.compile(r"(?P<image>!?)\[(?P<words>[^\]]+)\]\((?P<to>[^)\s]+)\)")
_HEADS = ("Symptom", "Cause", "Repair", "See", "Decides", "Not judged", "Supply")


def sources() -> dict[str, str]:
    """Every page's Markdown, by its file below the source folder."""
    checks = all_checks()
    made = {
        "index.md": _index(),
        "help.md": _title("Commands at a glance") + "".join(_block(each) for each in (TOP, *OF_VERBS.values())),
        "seen.md": _seen(checks),
        "causes/index.md": _causes(checks),
        "unjudged/index.md": _unjudged(),
        "manual/index.md": _title("The manual") + _contents(sorted(pages())),
    }
    made |= {f"causes/{check.id}.md": _cause(check) for check in checks}
    made |= {f"unjudged/{each.id}.md": _described(each.id, str(each.step), each.manual) for each in all_evidence()}
    made |= {f"manual/{name}.md": _man(text) for name, text in pages().items()}
    known = {path.stem for path in (REPOSITORY / "docs").glob("*.md")} - LEFT_OUT
    for name in sorted(known):
        made[f"docs/{name}.md"] = _linked((REPOSITORY / "docs" / f"{name}.md").read_text(encoding="utf-8"), known)
    return made


def _index() -> str:
    known = {path.stem for path in (REPOSITORY / "docs").glob("*.md")} - LEFT_OUT
    more = sorted(known - set(FIRST))
    return (
        _title("rescue")
        + "Locked out of your server? `rescue` finds out why from the server's disk, repairs it with the smallest "
        "change, tests the repair before you reboot, and can undo it.\n\n"
        + _block("rescue inspect /dev/vda        # what keeps me out?      (changes nothing)\n"
                 "rescue fix /dev/vda            # repair it               (shows every change, asks, can be undone)\n")
        + "Begin with [what you see](seen.md), or search for a file, a setting or a message.\n\n"
        + _contents(["seen", "help", *(f"docs/{name}" for name in FIRST if name in known)], "Use it")
        + _contents(["causes/index", "unjudged/index", "manual/index"], "Look it up")
        + _contents([f"docs/{name}" for name in more], "How it is made")
    )  # fmt: skip


def _title(words: str) -> str:
    return f"# {words}\n\n"


def _block(words: str) -> str:
    """Something that stays as it is, whatever is in it."""
    fence = "`" * max(3, max((len(run) + 1 for run in re.findall("`+", words)), default=3))
    return f"{fence}text\n{words.rstrip()}\n{fence}\n\n"


def _contents(names: Iterable[str], caption: str = "") -> str:
    listed = "\n".join(names)
    said = f":caption: {caption}\n" if caption else ""
    return f"```{{toctree}}\n:maxdepth: 1\n{said}\n{listed}\n```\n\n"


def _seen(checks: tuple[Check, ...]) -> str:
    made = [_title("What you see, and why")]
    for kind in SEEN:
        found = causes_of(kind, checks)
        rows = "".join(f"- [{_plain(each.title)}](causes/{each.id}.md) ({each.step})\n" for each in found)
        made.append(f"## {_plain(kind.title)}\n\n{_plain(kind.hint)}\n\n{rows}\n")
    return "".join(made)


def _causes(checks: tuple[Check, ...]) -> str:
    made = [_title("The causes")]
    for step in Step:
        here = [each for each in checks if each.step is step]
        made.append(f"## {step.order}. {step}: {_plain(step.holds)}\n\n" + _contents(each.id for each in here))
    return "".join(made)


def _unjudged() -> str:
    told = "What decides about a login and can't be read from the disk. It is listed as *not judged*.\n\n"
    return _title("What may stay unjudged") + told + _contents(each.id for each in all_evidence())


def _cause(check: Check) -> str:
    labs = [each for each in all_scenarios() if check.id in each.causes]
    practise = "".join(f"- {_plain(each.title)}: `rescue lab start {each.id}`\n" for each in labs)
    return (
        _described(check.id, f"step {check.step.order}, {check.step}", check.manual)
        + (f"## By hand\n\n{_paragraphs(by_hand(check.id))}" if labs else "")
        + (f"## To practise\n\n{practise}\n" if labs else "")
    )


def _described(name: str, step: str, manual: str) -> str:
    first, _, rest = manual.strip().partition("\n")
    return f"{_title(name)}**{_plain(first)}** ({step})\n\n{_paragraphs(_undented(rest))}"


def _undented(words: str) -> str:
    from textwrap import dedent

    return dedent(words)


def _paragraphs(words: str) -> str:
    """The text of a manual, none of which is Markdown: what is indented or a list stays as it is."""
    made = []
    for each in re.split(r"\n\s*\n", words.strip("\n")):
        lines = each.split("\n")
        if all(line.startswith("    ") for line in lines):
            made.append(_block("\n".join(line[4:] for line in lines)))
        elif any(line.startswith(("    ", "- ", "* ")) for line in lines):
            made.append(_block(each))
        elif each.strip():
            flowing = _plain(" ".join(each.split()))
            head = next((head for head in _HEADS if flowing.startswith(f"{head}:")), "")
            made.append((f"**{head}:**{flowing[len(head) + 1 :]}" if head else flowing) + "\n\n")
    return "".join(made)


def _plain(words: str) -> str:
    """Words in which Markdown finds nothing but code between backticks."""
    parts = re.split(r"(`[^`]+`)", words)
    return "".join(
        part if at % 2 else re.sub(r"([\\*_\[\]<>&#|~$^{}!`])", r"\\\1", part) for at, part in enumerate(parts)
    )


def _man(text: str) -> str:
    first, _, rest = text.partition("\n")
    return _title(_plain(first.rstrip("."))) + _paragraphs(rest)


def _linked(text: str, known: Iterable[str]) -> str:
    """A page of docs/ with its links to other pages; what is elsewhere in the repository is only named."""
    there = set(known)

    def link(found: re.Match[str]) -> str:
        file, _, anchor = found["to"].partition("#")
        page = Path(file).stem
        if found["image"] or not file or "://" in file or file.startswith("mailto:"):
            return found[0]
        if page in LEFT_OUT:
            return f"[{found['words']}](../causes/index.md)"
        if page in there and file.endswith(".md"):
            return f"[{found['words']}]({page}.md{'#' * bool(anchor)}{anchor})"
        return found["words"]

    return _LINK.sub(link, text)


def build(into: Path) -> int:
    """Write the sources, and have Sphinx make the pages. Its warnings are errors: a link that leads nowhere is one."""
    build_main = import_module("sphinx.cmd.build").build_main
    with TemporaryDirectory() as made:
        source = Path(made, "source")
        (source / "_static").mkdir(parents=True)
        (source / "conf.py").write_text(CONF)
        for name, text in sources().items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text, encoding="utf-8")
        for picture in (REPOSITORY / "docs").glob("*.svg"):
            (source / "docs" / picture.name).write_bytes(picture.read_bytes())
        return int(
            build_main(["-q", "-W", "--keep-going", "-b", "html", "-d", f"{made}/trees", str(source), str(into)])
        )


def main(arguments: Sequence[str]) -> int:
    """Build into the folder that is named."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: scripts/build-docs FOLDER", file=sys.stderr)
        return 2
    missing = [name for name in ("sphinx", "myst_parser") if find_spec(name) is None]
    if missing:
        print(
            f"build-docs: {' and '.join(missing)} is not installed: .venv/bin/pip install -e '.[docs]'", file=sys.stderr
        )
        return 1
    return build(Path(arguments[0]).resolve())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
