"""The time line as a web page that needs nothing else: a picture, and what the terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from html import escape
from io import StringIO

from rich.console import Console

from rescue.facts import Facts
from rescue.story.whole import Story
from rescue.text.safe import safe
from rescue.ui.page.frame import framed
from rescue.ui.page.markup import Html, tag
from rescue.ui.report import Report
from rescue.ui.timeline import BAD, told

WIDTH, MARGIN = 1000, 40


def page(story: Story, facts: Facts, heading: str, notes: Sequence[str] = ()) -> str:
    """The page's text: the picture, and below it what the terminal shows."""
    out = StringIO()
    report = Report(Console(file=out, width=100, highlight=False, markup=False, emoji=False, color_system=None))
    told(report, story, facts)
    header = tag("h1", heading), *(tag("p", f"Note: {each}", class_="doubt") for each in notes)
    at = f"{facts.now.astimezone(UTC):%Y-%m-%d at %H:%M UTC}"
    return framed(
        "rescue: what happened", Html("".join(header)), Html(picture(story)), tag("pre", out.getvalue()), at=at
    )


def picture(story: Story) -> str:
    """The rows as points of a line, drawn to scale, the bad ones in red; each says what it is. SVG, alone."""
    rows = story.rows
    start = story.login.at if story.login is not None else (rows[0].at if rows else None)
    if start is None or not rows:
        return ""
    span = max((rows[-1].at - start).total_seconds(), 1.0)
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 90" role="img" aria-label="time line">',
        f'<line x1="{MARGIN}" y1="45" x2="{WIDTH - MARGIN}" y2="45" class="edge" stroke-width="2"/>',
    ]
    if story.login is not None:
        made.append(_point(MARGIN, "ok", f"last login: {story.login.user}, {start:%Y-%m-%d %H:%M}", 7))
    for row in rows:
        place = MARGIN + (WIDTH - 2 * MARGIN) * (row.at - start).total_seconds() / span
        kind = "bad" if row.kind in BAD else "none"
        made.append(_point(place, kind, f"{row.at:%Y-%m-%d %H:%M} {row.kind}: {row.what}", 5))
    made.append(f'<text x="{MARGIN}" y="80" font-size="14">{start:%Y-%m-%d %H:%M}</text>')
    made.append(
        f'<text x="{WIDTH - MARGIN}" y="80" font-size="14" text-anchor="end">{rows[-1].at:%Y-%m-%d %H:%M}</text>'
    )
    return "\n".join([*made, "</svg>"])


def _point(place: float, kind: str, words: str, size: int) -> str:
    return (
        f'<circle cx="{place:.1f}" cy="45" r="{size}" class="fill-{kind}"><title>{escape(safe(words))}</title></circle>'
    )
