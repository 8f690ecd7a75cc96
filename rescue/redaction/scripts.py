"""The administrator's own scripts and cron tables, reduced to what may concern the firewall.

Passwords stand in them in any form (``curl -u me:secret``), so that what is kept is what is needed: the shell's own
words, which say what is run under which condition, commands about the firewall, network interfaces and
routes, and the names of further scripts.
"""

from __future__ import annotations

from re import compile as compile_pattern

from rescue.boot import commands as boot_commands
from rescue.formats.shell_script import scan

PLACES = (
    *boot_commands.RC_LOCAL,
    *boot_commands.IFUP_FOLDERS,
    *boot_commands.DISPATCHERS,
    *boot_commands.UFW_SCRIPTS,
    *boot_commands.CRON_TABLES,
    boot_commands.CRON_FOLDER,
    *boot_commands.OWN_CRON_TABLES,
    boot_commands.OPENRC_LOCAL,
    "/root/",
    "/home/",
    "/opt/",
    "/srv/",
    "/usr/local/",
)
"""Where they are: files in these folders count if they begin as a script, or are a cron table."""
_TABLES = ("/etc/crontab", "/etc/cron.d/", "/var/spool/cron/")

_KEPT = compile_pattern(
    r"\s*(?:#!.*|(?:if|elif|for|while|until|select|case)\b.*"
    r"|(?:then|else|fi|do|done|esac|return|exit(?:\s+\d+)?|[{}();]+|[\w-]+\s*\(\)\s*\{?|;;|\*\)|[\w|-]+\))[\s;]*)?"
)
_FIREWALL = compile_pattern(
    r"tables|\bnft\b|NFT|\bufw\b|firewall|ipset|\$\{?\"?IP[46]?T"
    r"|\bip\s+(?:-\S+\s+)*(?:a|addr|address|l|link|ru|rule|r|route)\s|\b(?:dhclient|dhcpcd|udhcpc|ifup|ifconfig)\b"
)
_STARTS = compile_pattern(
    r"(\s*(?:@reboot\s+(?:[\w.-]+\s+)??)?(?:(?:exec|nohup|sudo|\.|source|(?:/\S*/)?(?:ba|da)?sh)\s+)?"
    r"/[^\s\"';&|<>]+)(\s.*)?"
)


def is_own_script(path: str, text: str) -> bool:
    """Whether the file is such a script or cron table."""
    return is_table(path) or (path.startswith(PLACES) and text.startswith("#!")) or path in PLACES


def is_table(path: str) -> bool:
    """Whether the file is a cron table, each line of which is a command of its own."""
    return path.startswith(_TABLES)


def firewall_alone(text: str, word: str, *, table: bool = False) -> str:
    """The script with everything else replaced by `word`: same number of lines, and what is kept runs as before."""
    made, document, quote, kept = [], "", "", False
    for line in text.split("\n"):
        if document and not quote:
            ends = line.strip() == document
            made.append(line if ends or not line.strip() else word)
            document = "" if ends else document
            continue
        within = quote
        if not table:
            quote, _, _, found = scan(line, quote)
            document = document or found
        if within and not kept:
            made.append(f"# {word}")
        elif within:
            # A quote that spans several lines is kept whole.
            made.append(line if _FIREWALL.search(line) else f"{word}{'' if quote else within[-1]}")
        elif quote:
            kept = _FIREWALL.search(line) is not None
            made.append(line if kept else f": {word}")
        else:
            made.append(_line(line, word, f" <<{document}" if document else ""))
    return "\n".join(made)


def _line(line: str, word: str, document: str) -> str:
    if _KEPT.fullmatch(line) or _FIREWALL.search(line):
        return line
    if line.lstrip().startswith("#"):
        return f"# {word}"
    started = _STARTS.fullmatch(line)
    rest = " \\" if line.endswith("\\") else ""
    head = f"{started[1]}{f' {word}' if started[2] else ''}" if started else f": {word}"
    return f"{head}{document}{rest}"
