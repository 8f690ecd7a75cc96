"""A server's files without their secrets, so that a bundle of them may leave the machine.

What decides about a login stays as it was: whether a password is set, locked or none, and how it is hashed; whether a
host key loads, its kind and its public half; how many lines a file has. What opens a door goes: private keys, hashes,
shared secrets, passwords in settings and addresses.
"""

from __future__ import annotations

from dataclasses import replace
from re import IGNORECASE, Match
from re import compile as compile_pattern

from rescue.accounts.hashes import LEFT_OUT, flaw
from rescue.boot.images import emptied_initrd, emptied_kernel
from rescue.formats.shipped import Shipped
from rescue.keys.emptied_keys import MARK, emptied_key
from rescue.logs.kept import journal_kept, text_kept
from rescue.logs.last_login import LASTLOG, LASTLOG2
from rescue.logs.sources import is_log
from rescue.network import card_lines_alone, cards_alone, is_text_log
from rescue.network.tunnels import TAILSCALE, settings_alone
from rescue.redaction.scripts import firewall_alone, is_own_script, is_table
from rescue.text.secrets import ACCOUNT_FILES, BEGIN, CRYPT, END, hidden_file
from rescue.tree import Entry, NotCaptured, ReadError, Tree

WORD = LEFT_OUT
"""Stands where a secret was."""
DAMAGED = "damaged"
"""Stands where a hash was that nothing can match."""

_KERNEL = compile_pattern(rb"MZ[\s\S]{512}HdrS")
_INITRD = compile_pattern(rb"07070[12]|\x1f\x8b|\x28\xb5\x2f\xfd|\xfd7zXZ|\x02\x21\x4c\x18|BZh|\x5d\0\0|\x89LZO")
_NO_HASH = ("", "x", "LK*", "NP*")
"""Behind any "!" and "*", what says that there is no hash (shadow(5))."""
_SCHEME = compile_pattern(r"\$[a-z0-9]{1,8}[$,]")
_RUN = compile_pattern(r"[A-Za-z0-9+/=]{16,}")
_BODY = compile_pattern(r"[\s>#|]*[A-Za-z0-9+/=]+\s*")
_BASE64 = compile_pattern(r"[A-Za-z0-9+/]")
_PUBLIC = compile_pattern(r"(?:^|[\s,\"])(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[a-z0-9@.-]+ +AAAA")
_BINARY_BEGIN = compile_pattern(r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY-----[^-]{0,65536}")
_GRUB = compile_pattern(r"(grub\.pbkdf2\.[a-z0-9]+\.)[0-9]+\.[0-9A-Fa-f.]+")
_NAMED = compile_pattern(
    r"((?:private[-_]?key|pre-?shared-?key|psk|passw(?:or)?d|passphrase|secret|token|api[-_]?key|authtok|bindpw"
    r"|access[-_]?key|credentials?|wep[-_]?key[0-3]?|(?<![a-z])pin|(?<![a-z])key[1-4])[\"']?\s*[:=]\s*)(\S.*)",
    IGNORECASE,
)
"""A setting whose name ends in such a word: ``PrivateKey = ...``, ``DB_PASSWORD=...``, ``ldap_bindpw: ...``."""
_OATH = compile_pattern(r"(\s*HOTP\S*\s+\S+\s+\S+\s+)\S.*")
"""A line of pam_oath's users' file: the secret, and what was used last."""
_URL = compile_pattern(r"(://[^/\s:@]{1,256}:)[^/\s@]{1,256}(?=@)")
_ANY = compile_pattern(
    r"PRIVATE KEY|PuTTY|HOTP|\$|://|grub\.pbkdf2|key|psk|pass|secret|token|authtok|bindpw|credential|pin", IGNORECASE
)
_WORDS_ALLOWED = (
    "/etc/nsswitch.conf", "/etc/pam.d/", "/usr/lib/pam.d/", "/etc/login.defs", "/etc/ssh/sshd_config",
    "/etc/sudoers", "/var/lib/rescue/",
)  # fmt: skip
"""Where such words are no names of secrets: ``passwd: files systemd``."""


def without_secrets(tree: Tree, *, logs: bool = False) -> Tree:
    """`tree` without private keys and hashes. Files unchanged from their package are not secret, and stay.

    logs: with what logs tell of logins, commands and changes; else only with what they tell of boots.
    """
    changed: dict[str, Entry | None] = {}
    shipped = Shipped(tree)
    for path, entry in tree.captured:
        if (
            entry.data is not None
            and (data := left_out(path, entry.data, logs=logs)) != entry.data
            and not _public(shipped, path)
        ):
            changed[path] = replace(entry, data=data)
    return tree.with_entries(changed, edited=False)


def _public(shipped: Shipped, path: str) -> bool:
    try:
        return shipped.intact(path) is True
    except (NotCaptured, ReadError):
        return False


def left_out(path: str, data: bytes, *, logs: bool = False) -> bytes:
    """The content of the file at `path` without its secrets; as it is, if it holds none."""
    if path.startswith("/var/log/journal/"):
        # A record of everything on the server: keep only what decides about a login.
        return cards_alone(data, journal_kept(data, everything=logs))
    if logs and is_log(path):
        return text_kept(path, data)
    if is_text_log(path):
        return card_lines_alone(data)
    if is_log(path) or (path in (LASTLOG, LASTLOG2) and not logs):
        return b""
    if path == TAILSCALE:
        return settings_alone(data)
    if path.startswith("/boot/") and (_KERNEL.match(data) or _INITRD.match(data)):
        # Large, and an initramfs may hold keys: keep only whether it is complete.
        return emptied_kernel(data) if _KERNEL.match(data) else emptied_initrd(data)
    if hidden_file(path, data.removeprefix(b"\xef\xbb\xbf")) and not _PUBLIC.search(data.decode("latin-1")):
        if b"PRIVATE KEY" in data[:300]:
            return emptied_key(data)
        return MARK if data.strip(b"\0") else data
    if b"\0" in data:
        return _binary(data)
    text = data.decode("utf-8", "surrogateescape")
    if is_own_script(path, text):
        text = firewall_alone(text, WORD, table=is_table(path))
        data = text.encode("utf-8", "surrogateescape")
    accounts = ACCOUNT_FILES.match(path)
    if not accounts and not _ANY.search(text):
        return data
    lines, inside = [], False
    for line in text.split("\n"):
        if inside or BEGIN.search(line):
            inside = END.search(line) is None
            shown = line if _PUBLIC.search(line) else _masked(line)
        else:
            shown = _line(path, line, accounts[1] if accounts else "")
        lines.append(shown)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _line(path: str, line: str, accounts: str) -> str:
    if accounts:
        line = _account(line, accounts)
    line = CRYPT.sub(_hash, line)
    line = _OATH.sub(rf"\g<1>{WORD}", line)
    line = _GRUB.sub(rf"\g<1>{WORD}", line)
    line = _URL.sub(rf"\g<1>{WORD}", line)
    if accounts or path.startswith(_WORDS_ALLOWED):
        return line
    return _NAMED.sub(rf"\g<1>{WORD}", line)


def _masked(line: str) -> str:
    """A line of a private key: its base64 is A's."""
    if _BODY.fullmatch(line):
        return _BASE64.sub("A", line)
    return _RUN.sub(lambda run: _BASE64.sub("A", run[0]), line)


def _hash(match: Match[str]) -> str:
    scheme = _SCHEME.match(match[0])
    return (scheme[0] if scheme else "$") + WORD


def _account(line: str, file: str) -> str:
    """A line of passwd(5), shadow(5), group(5), gshadow(5) or opasswd."""
    fields = line.split(":")
    if len(fields) < 2:
        # Not such a line, and it may contain a pasted hash.
        return line if file in ("passwd", "group") or not line.strip() or line.startswith("#") else WORD
    if file == "opasswd":
        return ":".join([*fields[:3], *(WORD for _ in fields[3:])])
    fields[1] = _password(fields[1])
    return ":".join(fields)


def _password(word: str) -> str:
    bare = word.lstrip("!*")
    front = word[: len(word) - len(bare)]
    if bare in _NO_HASH or not bare.strip():
        return word
    if bare.startswith("$"):
        # The scheme stays, whatever it is: it says whether this server can check such a hash.
        parts = bare.split("$")
        return f"{front}${parts[1]}${DAMAGED if flaw(bare) else WORD}" if len(parts) > 2 else f"{front}${WORD}"
    if bare.startswith("_"):
        return f"{front}_{DAMAGED if flaw(bare) else WORD}"
    return front + (WORD if flaw(bare) else "x" * len(bare))


def _binary(data: bytes) -> bytes:
    """Databases and the like keep their length, so that they can still be opened."""
    text = data.decode("latin-1")
    text = CRYPT.sub(lambda found: found[0][:3] + "x" * (len(found[0]) - 3), text)
    text = _BINARY_BEGIN.sub(lambda found: _BASE64.sub("A", found[0]), text)
    return text.encode("latin-1")
