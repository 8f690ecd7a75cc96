"""Documents held against the JSON Schemas that the package ships."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

INSPECT = "inspect-2"
OF_VERBS = {
    "doctor": "doctor-2", "inspect": INSPECT, "fix": INSPECT, "history": "history-2", "undo": "undo-2",
    "timeline": "timeline-2", "probe": "probe-2", "console": "console-2",
    "ticket": "ticket-2", "diff": "diff-2", "blame": "blame-2",
}  # fmt: skip
"""Which schema a verb's document keeps to."""


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema in rescue/schema, as it is shipped."""
    made = json.loads(files("rescue").joinpath(f"schema/{name}.json").read_text(encoding="utf-8"))
    assert isinstance(made, dict)
    Draft202012Validator.check_schema(made)
    return made


def faults(document: object, name: str = INSPECT) -> list[str]:
    """Where and why `document` does not keep to the schema; [] if it does."""
    return [
        f"{'/'.join(map(str, each.absolute_path)) or '(whole)'}: {each.message[:300]}"
        for each in Draft202012Validator(schema(name)).iter_errors(document)
    ]


def held(document: dict[str, Any], verb: str) -> dict[str, Any]:
    """The document of `verb`, which keeps to its schema, if it has one; a failure's is every verb's."""
    name = INSPECT if "error" in document else OF_VERBS.get(verb)
    if name is not None:
        assert faults(document, name) == []
    return document
