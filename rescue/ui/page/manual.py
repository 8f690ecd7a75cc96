"""The manual of a cause on a page: paragraphs, and what is to be typed as it is."""

from __future__ import annotations

from rescue.ui.page.markup import Html, copied, joined, tag

HEADS = ("Symptom:", "Cause:", "Repair:", "See:")


def manual(words: str) -> Html:
    """One, as `rescue explain` prints it: blocks that are indented or lists stay as they are."""
    return joined(*(_paragraph(each) for each in words.strip().split("\n\n") if each.strip()))


def _paragraph(words: str) -> Html:
    lines = words.split("\n")
    if all(line.startswith("    ") for line in lines):
        return copied("\n".join(line[4:] for line in lines))
    if any(line.startswith(("    ", "- ", "* ")) for line in lines):
        return tag("pre", words)
    flowing = " ".join(words.split())
    head = next((each for each in HEADS if flowing.startswith(each)), "")
    return tag("p", tag("strong", head), flowing[len(head) :]) if head else tag("p", flowing)
