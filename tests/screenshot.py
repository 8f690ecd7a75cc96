"""docs/inspect.svg: the last screen of a real inspection, as the README shows it, from the program's own output."""

from __future__ import annotations

from html import escape
from io import StringIO

from rescue.examine import examine
from rescue.model import Client
from rescue.ui.report import Report, console
from tests.trees import server

WIDTH, LINE, LEFT, TOP = 760, 18, 18, 46
STYLE = "font: 13.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre"


def screenshot() -> str:
    """An SVG of what `rescue inspect /dev/vda` ends with on a server with two problems."""
    broken = server({"/etc/ssh/sshd_config": "PermitRotLogin no\n", "/etc/nologin": "closed\n"})
    out = StringIO()
    Report(console(out)).last_screen(examine(broken, Client()), "/dev/vda", "/dev/vda")
    lines = ["$ rescue inspect /dev/vda", *out.getvalue().rstrip("\n").split("\n")[1:]]
    height = TOP + LINE * len(lines) + 12
    rows = "\n".join(
        f'<text x="{LEFT}" y="{TOP + LINE * at}" fill="{_color(line)}">{escape(line)}</text>'
        for at, line in enumerate(lines)
        if line
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" xml:space="preserve" style="{STYLE}">
<title>What rescue inspect shows</title>
<rect width="{WIDTH}" height="{height}" rx="8" fill="#16181d"/>
<circle cx="22" cy="18" r="5" fill="#ff5f57"/><circle cx="40" cy="18" r="5" fill="#febc2e"/>
<circle cx="58" cy="18" r="5" fill="#28c840"/>
{rows}
</svg>
"""


def _color(line: str) -> str:
    if line.startswith("$"):
        return "#8be9a0"
    if "blocked" in line or "Connection refused" in line or "keep you out" in line:
        return "#ff8f85"
    if "not judged" in line:
        return "#a5adba"
    return "#e8eaed"
