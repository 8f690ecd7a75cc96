"""The report as one HTML file that needs nothing else: what the terminal would show, to send to somebody."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console

from rescue.examine import Examination
from rescue.ui.report import Report
from rescue.ui.timeline import remembered

FORM = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rescue: the path to a login</title>
<style>
{stylesheet}
body {{ color: {foreground}; background: {background}; margin: 2em; }}
pre {{ font-family: monospace; white-space: pre-wrap; }}
</style>
</head>
<body>
<pre>{code}</pre>
</body>
</html>
"""


def page(examination: Examination, name: str, method: str, notes: Sequence[str]) -> str:
    """The page's text."""
    recorder = Console(
        record=True, file=StringIO(), width=100, highlight=False, markup=False, emoji=False, force_terminal=True
    )
    report = Report(recorder)
    report.heading(examination, name, method, notes)
    remembered(report, examination.facts, "rescue timeline")
    report.path(examination, every=True)
    report.findings(examination)
    return recorder.export_html(code_format=FORM, inline_styles=False)
