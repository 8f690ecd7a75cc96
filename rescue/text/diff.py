"""One change as a unified diff for people, without secrets.

Content is compared line by line as in diff(1); only ``\\n`` ends a line. Changes of mode, owner or link and removed
files are described in words. Private keys and password hashes are never shown: a marker replaces them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from rescue.text.numbers import size
from rescue.text.safe import cut, safe
from rescue.text.secrets import hidden_file, hide_secrets
from rescue.tree import SELINUX, Change, Entry, Kind

WIDTH = 200
"""Columns of a line's text that are shown: enough for every option of sshd_config(5), not for an RSA key."""
MAX_OUTPUT = 400
"""Lines of one diff that are shown."""
MAX_COMPARED = 3000
"""Lines between the first and the last difference that are compared one by one: difflib is quadratic at worst."""
NO_NEWLINE = "\\ No newline at end of file"
NOTHING = "/dev/null"
FLAGS = {0x10: "immutable", 0x20: "append-only"}
ACLS = {"system.posix_acl_access": "access ACL", "system.posix_acl_default": "default ACL"}


def unified(change: Change, context: int = 3) -> tuple[str, ...]:
    """The lines of the diff, safe to print, without line ends: two of header, then what differs.

    `context` unchanged lines surround each difference. () if nothing differs.
    """
    before, after = change.before, change.after
    body = [*_metadata(before, after), *_content(change, context)]
    if not body:
        return ()
    path = safe(str(change.path))
    header = [f"--- {path if before else NOTHING}", f"+++ {path if after else NOTHING}"]
    if len(body) > MAX_OUTPUT:
        body = [*body[:MAX_OUTPUT], f"(and {len(body) - MAX_OUTPUT} more lines)"]
    return (*header, *body)


# -- described in words ------------------------------------------------------------------------------------------------


def _metadata(before: Entry | None, after: Entry | None) -> Iterator[str]:
    if after is None:
        if before is not None and not before.is_link:
            yield f"{_kind(before)} removed" + (f" ({size(before.size)})" if before.is_file else "")
        return
    if before is None:
        yield f"new {_kind(after)}, mode {after.mode:04o}, owner {after.uid}:{after.gid}"
        return
    if before.kind is not after.kind:
        yield f"{_kind(before)} -> {_kind(after)}"
    if before.mode != after.mode and not (before.is_link and after.is_link):
        yield f"mode {before.mode:04o} -> {after.mode:04o}"
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield f"owner {before.uid}:{before.gid} -> {after.uid}:{after.gid}"
    yield from _xattrs(dict(before.xattrs), dict(after.xattrs))
    for bit, name in FLAGS.items():
        if (before.flags ^ after.flags) & bit:
            yield f"{name} flag {'set' if after.flags & bit else 'taken off'}"


def _kind(entry: Entry) -> str:
    return {Kind.DIR: "directory", Kind.LINK: "link", Kind.FILE: "file"}.get(entry.kind, f"{entry.kind} special file")


def _xattrs(before: dict[str, bytes], after: dict[str, bytes]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name == SELINUX:
            yield f"SELinux label {_label(old)} -> {_label(new)}"
            continue
        verb = "added" if old is None else "removed" if new is None else "changed"
        yield f"{ACLS.get(name) or 'attribute ' + safe(name)} {verb}"


def _label(value: bytes | None) -> str:
    return "(none)" if value is None else cut(safe(value.rstrip(b"\0").decode("utf-8", "surrogateescape")), WIDTH)


# -- content -----------------------------------------------------------------------------------------------------------


def _content(change: Change, context: int) -> Iterator[str]:
    before, after = change.before, change.after
    if before is not None and after is not None and before.same_content(after):
        return
    for sign, entry in (("-", before), ("+", after)):
        if entry is not None and entry.is_link:
            yield f"{sign}link to {cut(safe(entry.link), WIDTH)}"
    old, new = _file(before), _file(after)
    if old is None and new is None:
        return
    if old is not None and new is not None and new.data is None:
        yield f"shortened: of {size(old.size)} the last {size(new.size)} stay"
        return
    if (old is not None and old.data is None) or (new is not None and new.data is None):
        yield "(content not read)"
        return
    these, those = (old.data or b"" if old else b""), (new.data or b"" if new else b"")
    path = str(change.path)
    if hidden_file(path, these) or hidden_file(path, those):
        yield f"(private key, not shown: {size(len(these))} -> {size(len(those))})"
    elif b"\0" in these or b"\0" in those:
        yield f"(binary content: {size(len(these))} -> {size(len(those))})"
    else:
        yield from _lines(path, _split(these), _split(those), context)


def _file(entry: Entry | None) -> Entry | None:
    return entry if entry is not None and entry.is_file else None


def _split(data: bytes) -> list[str]:
    """The lines with their ``\\n``; the last one may lack it."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    last = lines.pop()
    return [line + "\n" for line in lines] + ([last] if last else [])


def _lines(path: str, old: list[str], new: list[str], context: int) -> Iterator[str]:
    both = [line for line in (*old, *new) if line.endswith("\n")]
    crlf = bool(both) and all(line.endswith("\r\n") for line in both)
    if crlf:
        yield "(lines end in CRLF)"
    shown_old, shown_new = hide_secrets(path, old), hide_secrets(path, new)
    for hunk in _hunks(old, new, context):
        first, last = hunk[0], hunk[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for tag, i1, i2, j1, j2 in hunk:
            if tag == "equal":
                yield from _shown(" ", shown_old[i1:i2], crlf)
                continue
            yield from _shown("-", shown_old[i1:i2], crlf)
            yield from _shown("+", shown_new[j1:j2], crlf)


def _shown(sign: str, lines: Sequence[str], crlf: bool) -> Iterator[str]:
    for line in lines[: MAX_OUTPUT + 1]:
        text = line.removesuffix("\n")
        if crlf:
            text = text.removesuffix("\r")
        # Cut twice: a megabyte of control characters is not worth escaping, and escaping lengthens the line.
        head = safe(text[: WIDTH + 1])
        yield sign + (head if len(text) <= WIDTH and len(head) <= 2 * WIDTH else cut(head, WIDTH - 3) + _rest(text))
        if not line.endswith("\n"):
            yield NO_NEWLINE
    if len(lines) > MAX_OUTPUT + 1:
        yield from (sign for _ in lines[MAX_OUTPUT + 1 :])


def _rest(text: str) -> str:
    return f" ({len(text)} characters)"


Opcode = tuple[str, int, int, int, int]


def _hunks(old: list[str], new: list[str], context: int) -> Iterator[list[Opcode]]:
    """difflib's grouped opcodes; equal lines at both ends are not compared, to keep it cheap."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    if len(old) - tail - head > MAX_COMPARED or len(new) - tail - head > MAX_COMPARED:
        yield [("replace", head, len(old) - tail, head, len(new) - tail)]
        return
    start, keep = max(0, head - context), max(0, tail - context)
    matcher = SequenceMatcher(None, old[start : len(old) - keep], new[start : len(new) - keep])
    for group in matcher.get_grouped_opcodes(context):
        yield [(tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in group]


def _range(start: int, stop: int) -> str:
    """A hunk's range as in diff(1): from 1, with its length unless that is one; an empty one names the line before."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
