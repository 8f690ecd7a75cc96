"""Who may reach the port, as a map of all addresses: a square for each /8 of IPv4, and of IPv6's public part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from rescue.firewall.engine.addresses import Address, AddressSet, ordinary
from rescue.firewall.engine.table import Row, everybody, most
from rescue.firewall.engine.verdict import VerdictKind
from rescue.model import Symptom
from rescue.ui.page.markup import Html, joined, tag

CELL, COLUMNS = 20, 16
FIRST, LAST = {4: 0, 6: 0x20}, {4: 0xFF, 6: 0x3F}
"""The /8s that are drawn. Of IPv6 only 2000::/3 is given out (RFC 4291, 2.4)."""
NETWORKS = 12
"""Networks of a row that are listed."""
ROWS = 20

SAYS = {
    Symptom.OK: "get in",
    Symptom.REFUSED: "are refused",
    Symptom.TIMED_OUT: "time out",
    Symptom.UNREACHABLE: "find no route",
    Symptom.CLOSED: "are cut off",
    Symptom.HANGS: "hang",
}


def address_map(reach: Mapping[int, Sequence[Row]], sources: Iterable[Address]) -> Html:
    """A map and a list for each IP version. Nothing where there is no answer. sources: the client's, to be marked."""
    known = tuple(sources)
    return joined(*(_version(version, rows, known) for version, rows in sorted(reach.items()) if rows))


def _version(version: int, rows: Sequence[Row], sources: Sequence[Address]) -> Html:
    one = len(rows) == 1
    title = tag("h3", f"IPv{version}")
    listed = tag("ul", *(_row(row, one) for row in rows[:ROWS]))
    more = tag("p", f"and {len(rows) - ROWS} smaller parts", class_="soft") if len(rows) > ROWS else Html("")
    return joined(title, _map(version, rows, sources), listed, more)


def _map(version: int, rows: Sequence[Row], sources: Sequence[Address]) -> Html:
    blocks = range(FIRST[version], LAST[version] + 1)
    height = CELL * (-(-len(blocks) // COLUMNS))
    cells = [_cell(version, block, at, rows) for at, block in enumerate(blocks)]
    marks = [_mark(version, source) for source in sources if source.version == version]
    part = "all IPv4 addresses, a square for each 16 million" if version == 4 else "the public IPv6 addresses"
    key = tag(
        "p", "\N{MULTIPLICATION SIGN} blocked, / some of them blocked, ? depends, empty: may connect"
        + (", circle: your address" if any(marks) else ""), class_="soft",
    )  # fmt: skip
    drawn = tag(
        "svg", *cells, *marks, xmlns="http://www.w3.org/2000/svg", viewBox=f"-1 -1 {CELL * COLUMNS + 2} {height + 2}",
        width=CELL * COLUMNS + 2, role="img", aria_label=f"A map of {part}; the list below it says the same",
    )  # fmt: skip
    return joined(drawn, key)


def _block(version: int, number: int) -> AddressSet:
    shift = 24 if version == 4 else 120
    return AddressSet(version, (number << shift, (number + 1) << shift))


def _cell(version: int, number: int, at: int, rows: Sequence[Row]) -> Html:
    here = _block(version, number)
    held = [row for row in rows if row.sources & here]
    kinds = {"doubt" if row.kind is VerdictKind.DEPENDS else "ok" if row.kind is VerdictKind.ACCEPT else "bad"
             for row in held}  # fmt: skip
    if not kinds:
        kind, sign = "none", ""
    elif len(kinds) > 1:
        kind, sign = "doubt", "/"
    else:
        kind = kinds.pop()
        sign = {"ok": "", "bad": "\N{MULTIPLICATION SIGN}", "doubt": "?"}[kind]
    x, y = CELL * (at % COLUMNS), CELL * (at // COLUMNS)
    named = f"{number}.0.0.0/8" if version == 4 else f"{number:x}00::/8"
    says = "; ".join(dict.fromkeys(_says(row) for row in held)) or "not used as a source"
    square = tag(
        "rect", tag("title", f"{named}: {says}"), x=x, y=y, width=CELL, height=CELL, class_=f"fill-{kind} edge",
        stroke_width=0.5,
    )  # fmt: skip
    word = tag("text", sign, x=x + CELL / 2, y=y + 15, text_anchor="middle", font_size=14, class_="on") if sign else ""
    return joined(square, Html(word))


def _mark(version: int, source: Address) -> Html:
    number = int(source) >> (24 if version == 4 else 120)
    at = number - FIRST[version]
    if not 0 <= at <= LAST[version] - FIRST[version]:
        return Html("")
    x, y = CELL * (at % COLUMNS) + CELL / 2, CELL * (at // COLUMNS) + CELL / 2
    return tag("circle", tag("title", f"your address {source}"), cx=x, cy=y, r=CELL / 2 + 2, class_="mark")


def _says(row: Row) -> str:
    return "depends" if row.kind is VerdictKind.DEPENDS else SAYS[row.symptom]


def _row(row: Row, alone: bool) -> Html:
    if alone or everybody(row):
        who = "everybody"
    elif most(row):
        who = "everybody else"
    else:
        found = list(islice(row.sources.networks(), NETWORKS + 1))
        who = ", ".join(found[:NETWORKS]) + (" and more" if len(found) > NETWORKS else "")
    kind = {VerdictKind.ACCEPT: "ok", VerdictKind.DEPENDS: "doubt"}.get(row.kind, "bad")
    says = {"get in": "may connect"}.get(_says(row), _says(row))
    parts: list[str] = [tag("span", f"{who}: {says}", class_=f"state {kind}")]
    if row.reason:
        parts.append(f" (on {row.reason})")
    if row.decision is not None:
        place = row.decision.location
        parts += [Html("<br>"), tag("code", str(place)), f" {place.text.strip()[:160]}"]
    return tag("li", *parts)


def covers_all(rows: Iterable[Row]) -> bool:
    """Whether the rows are one that lets everybody in, so that a map would say nothing."""
    found = list(rows)
    return (
        len(found) == 1
        and found[0].kind is VerdictKind.ACCEPT
        and found[0].sources == ordinary(found[0].sources.version)
    )
