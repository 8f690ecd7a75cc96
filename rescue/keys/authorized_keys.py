"""authorized_keys files as sshd reads them: which lines are keys, and why the others are not (sshd(8)).

Follows auth2-pubkeyfile.c (lines), sshkey.c (keys) and auth-options.c (options) of OpenSSH 9.2 and 10.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from re import DOTALL
from re import compile as compile_pattern

from rescue.accounts.database import Account, Accounts
from rescue.keys.options import OptionError, parse_options
from rescue.keys.public_keys import BODIES, SIGNATURE_NAMES, check_public_key, fingerprint, rsa_bits
from rescue.keys.wire import WireError, decode_base64
from rescue.model import Location
from rescue.tree import Read, Tree

BLANK = " \t"
MAX_PATH = 4096

_SECRETS = (("PRIVATE KEY-----", "-----END"), ("PuTTY-User-Key-File", "Private-MAC"))
"""The first and last lines of a private key file, PEM or PuTTY."""
_SECRET = "it is part of a private key; the public key belongs here"  # noqa: S105  words about one

_TOKEN = compile_pattern(r"%(.?)", DOTALL)


@dataclass(frozen=True, slots=True)
class AuthorizedKey:
    """A line that opens the account: type, blob as base64, its options (lower-case name, value), comment."""

    type: str
    blob: str
    options: tuple[tuple[str, str], ...]
    comment: str
    location: Location

    @property
    def public(self) -> str:
        """The key alone: "type base64"."""
        return f"{self.type} {self.blob}"

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        return fingerprint(decode_base64(self.blob))

    @property
    def bits(self) -> int | None:
        """The length of an RSA key; None for other kinds."""
        return rsa_bits(self.type, decode_base64(self.blob))

    def option(self, name: str) -> str | None:
        """The first value of an option, "" for a flag; None if it is not set."""
        return next((value for known, value in self.options if known == name), None)


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A line that is neither blank nor a comment: a key, or the reason why sshd ignores it.

    problem is empty for a key, and for a certificate authority (`authority`), which is a line in order but no key.
    text is empty where the line is a part of a private key, which nobody is shown.
    """

    number: int
    text: str
    key: AuthorizedKey | None = None
    problem: str = ""
    authority: bool = False


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One file that AuthorizedKeysFile names, as it is named; it need not exist (`present`).

    unread: it is too large for the snapshot, so that nothing is known of its lines.
    """

    path: PurePosixPath
    lines: tuple[KeyLine, ...] = ()
    present: bool = False
    unread: bool = False

    @property
    def keys(self) -> tuple[AuthorizedKey, ...]:
        """The lines that open the account, in order."""
        return tuple(line.key for line in self.lines if line.key is not None)


def key_files(tree: Tree, account: Account, patterns: tuple[str, ...]) -> tuple[KeyFile, ...]:
    """The files that `patterns` (AuthorizedKeysFile of sshd_config(5)) name for `account`, in sshd's order."""
    paths = [path for pattern in dict.fromkeys(patterns) if (path := expand(tree, account, pattern)) is not None]
    tree.require(*(Read(str(path), depth=0) for path in paths))
    return tuple(read_key_file(tree, path) for path in dict.fromkeys(paths))


def read_key_file(tree: Tree, path: PurePosixPath) -> KeyFile:
    """The authorized_keys file at `path`; not present if it does not exist or is not a regular file."""
    entry = tree.entry(path)
    if entry is None or not entry.is_file:
        return KeyFile(path)
    text = tree.text_if_read(path)
    if text is None:
        return KeyFile(path, present=True, unread=True)
    return KeyFile(path, parse_keys(text, path), present=True)


def expand(tree: Tree, account: Account, pattern: str) -> PurePosixPath | None:
    """The path that `pattern` names, tokens and ``~`` replaced; None for "none" and for anything that names no file.

    ``~`` is expanded when sshd reads its configuration, so ``~/`` is root's home for everybody (servconf.c).
    """
    if pattern.lower() == "none" or "\0" in pattern:
        return None
    if pattern.startswith("~"):
        owner, _, below = pattern[1:].partition("/")
        accounts = Accounts(tree)
        holder = accounts.get(owner) if owner else accounts.by_uid(0)
        if holder is None:
            return None
        pattern = f"{holder.home}/{below}"
    values = {"%": "%", "h": account.home, "u": account.name, "U": str(account.uid)}
    if any(match[1] not in values for match in _TOKEN.finditer(pattern)):
        return None
    path = _TOKEN.sub(lambda match: values[match[1]], pattern)
    if not path.startswith("/"):
        path = f"{account.home}/{path}"
    if not path.startswith("/") or len(path) >= MAX_PATH or "\0" in path:
        return None
    return PurePosixPath("/" + path.lstrip("/"))


def parse_keys(text: str, path: PurePosixPath) -> tuple[KeyLine, ...]:
    """The lines of an authorized_keys file that sshd looks at."""
    lines, secret = [], ""
    for number, whole in enumerate(text.split("\n"), start=1):
        line = whole.partition("\0")[0].lstrip(BLANK)
        if not line and "\0" in whole:
            lines.append(KeyLine(number, "", problem="it begins with zero bytes, as a crash leaves them"))
        elif line and not line.startswith("#") and line != "\r":
            secret = next((end for begin, end in _SECRETS if begin in line), secret)
            found = _key_line(number, line, path)
            lines.append(KeyLine(number, "", problem=_SECRET) if secret and found.problem else found)
            secret = "" if secret and secret in line else secret
    return tuple(lines)


def _key_line(number: int, line: str, path: PurePosixPath) -> KeyLine:
    try:
        options, rest, found = "", line, _read_key(line)
        if found is None:
            cut = _past_options(line)
            options, rest = line[:cut], line[cut:].lstrip(BLANK)
            found = _read_key(rest)
        if found is None:
            return KeyLine(number, line, problem=_why_no_key(line))
        parsed = parse_options(options)
    except (WireError, OptionError) as problem:
        return KeyLine(number, line, problem=str(problem))
    if any(name == "cert-authority" for name, _ in parsed):
        return KeyLine(number, line, authority=True)
    type_name, blob, comment = found
    key = AuthorizedKey(type_name, blob, parsed, comment, Location(path, number, line.rstrip("\r")))
    return KeyLine(number, line, key)


def _read_key(text: str) -> tuple[str, str, str] | None:
    """sshkey_read: type, blob, comment; None if no key type begins `text`. WireError if the key is damaged."""
    parts = _fields(text)
    if not parts[1] or (parts[0] not in BODIES and parts[0] not in SIGNATURE_NAMES):
        return None
    check_public_key(parts[0], decode_base64(parts[1]))
    return parts[0], parts[1].rstrip("\r"), parts[2].strip()


def _fields(text: str) -> tuple[str, str, str]:
    """Type, blob and rest; divided by blanks and tabs alone, as other white space is none to sshd."""
    found = []
    for _ in range(2):
        cut = next((at for at, char in enumerate(text) if char in BLANK), len(text))
        found.append(text[:cut])
        text = text[cut:].lstrip(BLANK)
    return found[0], found[1], text


def _past_options(text: str) -> int:
    """sshkey_advance_past_options: where the first blank outside of quotes is."""
    at, quoted = 0, False
    while at < len(text) and (quoted or text[at] not in BLANK):
        if text.startswith('\\"', at):
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    if quoted and at >= len(text):
        raise OptionError("a quotation mark is not closed")
    return at


def _why_no_key(line: str) -> str:
    """The reason, in words, why sshd finds no key in a line."""
    if line.startswith("\ufeff"):
        return "it begins with a byte order mark, which some editors write"
    if line.startswith("---- BEGIN SSH2 PUBLIC KEY"):
        return "it is a key in the format of RFC 4716; sshd wants one line, as `ssh-keygen -i` makes it"
    if line.startswith(('"', "'")):
        return "it is in quotation marks"
    if "\xa0" in line:
        return "it holds a no-break space where a blank belongs"
    if "-cert-v01@openssh.com" in line:
        return "it is a certificate; the public key belongs here"
    words = line.split()
    if words and (words[0].lower() in BODIES) and words[0] not in BODIES:
        return "the key type must be written in small letters"
    if words and words[0] in BODIES:
        return "the key after its type is missing: the line was broken in two"
    return "it contains no key: a key is one line, type and base64"
