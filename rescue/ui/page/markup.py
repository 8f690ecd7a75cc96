"""Elements of a page. A plain string is text, and becomes harmless; only an `Html` is taken as it is."""

from __future__ import annotations

from html import escape

from rescue.text.safe import safe

VOID = frozenset({"br", "hr", "line", "rect", "circle", "path"})
"""Elements without content: HTML's own, and SVG's that may end at once."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def text(words: str) -> Html:
    """Words as they are shown: nothing in them is markup, and nothing is invisible. Line ends stay."""
    return Html("\n".join(escape(safe(line)) for line in words.split("\n")))


def tag(name: str, *children: str, **attributes: str | int | float) -> Html:
    """One element. An attribute's name ends in "_" where Python has the word, and has "_" for "-"."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(str(value))}"' for key, value in attributes.items())
    if name in VOID and not children:
        return Html(f"<{name}{said}/>" if name not in ("br", "hr") else f"<{name}{said}>")
    return Html(f"<{name}{said}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Several, one after the other."""
    return Html("".join(each if isinstance(each, Html) else text(each) for each in children))


def copied(words: str, *, label: str = "") -> Html:
    """Something to type or to paste: the page's script puts a button beside it. label: what it is, for the button."""
    code = tag("code", words)
    return tag("div", tag("pre", code), class_="copy", **({"data_label": label} if label else {}))


def details(summary: str, *children: str) -> Html:
    """What opens when it is asked for."""
    return tag("details", tag("summary", summary), *children)
