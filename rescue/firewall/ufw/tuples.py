"""The two copies of each of ufw's own rules: the comment line that the command ``ufw`` reads back, and the rule.

The format is that of UFWBackendIptables._write_rules() and _read_rules() in ufw's backend_iptables.py. The server loads
the rules at boot and ignores the comments; the next ``ufw`` command rewrites the file from the comments alone. So every
change must go into both.
"""

from __future__ import annotations

from dataclasses import dataclass

from rescue.firewall.engine.addresses import Address
from rescue.model import Location
from rescue.tree import Tree

MARK = "### tuple ###"
BEGIN = "### RULES ###"
END = "### END RULES ###"


@dataclass(frozen=True, slots=True)
class Tuple:
    """ufw's record of a rule. action: "allow", "deny", "limit" or "reject", with "route:" and "_log" as written."""

    action: str
    protocol: str
    port: str
    destination: str
    source_port: str
    source: str
    application: str = ""
    direction: str = "in"
    comment: str = ""


def parse_tuple(line: str) -> Tuple | None:
    """The tuple in a comment line; None if ufw would not read it as one."""
    if not line.startswith(MARK):
        return None
    text, _, noted = line[len(MARK) :].partition(" comment=")
    words = text.split()
    if not 6 <= len(words) <= 9:
        return None
    application = "" if len(words) < 8 or words[6] == "-" else words[6].replace("%20", " ")
    direction = words[-1] if len(words) in (7, 9) else "in"
    action, protocol, port, destination, source_port, source = words[:6]
    note = _comment(noted.strip())
    return Tuple(action, protocol, port, destination, source_port, source, application, direction, note)


def _comment(noted: str) -> str:
    try:
        return bytes.fromhex(noted).decode("utf-8", "replace")
    except ValueError:
        return ""


def tuple_of(tree: Tree, location: Location) -> Tuple | None:
    """The tuple above a rule in one of ufw's own files; None if there is none."""
    text = tree.text(location.path)
    if text is None or not location.line:
        return None
    lines = text.split("\n")
    start = block_start(lines, location.line - 1)
    return parse_tuple(lines[start].rstrip("\r")) if start < len(lines) else None


def block_start(lines: list[str], at: int) -> int:
    """The index of the tuple line above the rule at index `at`; `at` itself if the rule has no tuple."""
    above = at - 1
    while 0 <= above < len(lines) and lines[above].lstrip("[").startswith("-A "):
        above -= 1
    return above if 0 <= above < len(lines) and lines[above].startswith(MARK) else at


def allow_lines(port: int, source: Address | None, version: int) -> tuple[str, str]:
    """The tuple and the rule of ``ufw allow PORT/tcp``, or of ``ufw allow proto tcp from SOURCE to any port PORT``."""
    everyone = "0.0.0.0/0" if version == 4 else "::/0"
    chain = "ufw-user-input" if version == 4 else "ufw6-user-input"
    shown = everyone if source is None else str(source)
    only = "" if source is None else f" -s {source}"
    return (
        f"{MARK} allow tcp {port} {everyone} any {shown} in",
        f"-A {chain} -p tcp --dport {port}{only} -j ACCEPT",
    )
