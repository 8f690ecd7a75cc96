"""What the end-to-end tests found, kept for one table at the end of the run."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario's outcome, in words."""

    scenario: str
    predicted: str
    seen: str
    causes: str
    login: str
    collateral: str
    seconds: str


ROWS: list[Row] = []


def lines() -> list[str]:
    """The table, with a head; empty where no scenario ran."""
    if not ROWS:
        return []
    table = [tuple(field.name for field in fields(Row)), *(astuple(row) for row in ROWS)]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def markdown() -> list[str]:
    """The rows as the README's table has them, sorted. The prediction is left out: a test holds that it was seen."""
    head = ("scenario", "the client sees", "inspect names", "in after fix", "other changes", "seconds")
    rows = [
        (row.scenario, row.seen, row.causes, "-", "-", "-")
        if row.predicted == "-"
        else (row.scenario, row.seen, row.causes, row.login, row.collateral.partition(" ")[0], row.seconds)
        for row in sorted(ROWS, key=lambda each: each.scenario)
    ]
    return [f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rows)]
