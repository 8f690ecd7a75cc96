"""Hide secrets of a target's files: private keys, password hashes, shared secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

KEY_MARK = "(private key: not shown)"
HASH_MARK = "(hash not shown)"
VALUE_MARK = "(not shown)"
LINE_MARK = "(line not shown)"

_KEY_FILE = re.compile(r"ssh_host_.*_?key$|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?$|.*\.(?:key|keytab|p12|pfx)$")
_KEY_PLACE = re.compile(r".*/private/")
"""Where keys are by convention: /etc/ssl/private, /etc/ipsec.d/private."""
BEGIN = re.compile(r"BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY|PuTTY-User-Key-File|Private-Lines:")
END = re.compile(r"END[A-Z0-9 ]{0,40}PRIVATE KEY")
CRYPT = re.compile(r"\$(?:1|2[abxy]?|3|5|6|7|8|y|gy|md5|apr1|sha1|argon2[id]{1,2})[,$][^\s:\"']{8,}")
"""A crypt(5) hash, anywhere."""
_NAMED = re.compile(
    r"\b(private[-_]?key|pre-?shared-?key|psk|password|passphrase|secret)(\"?\s*[:=]\s*)(\S.*)", re.IGNORECASE
)
"""``PrivateKey = ...`` of wg(8), ``psk=`` of NetworkManager, ``password:`` of netplan(5) and cloud-init."""
_ANY = re.compile(r"PRIVATE KEY|PuTTY|\$|private|psk|pass|secret|shared", re.IGNORECASE)
ACCOUNT_FILES = re.compile(r"/etc/(?:security/(?=op))?(shadow|gshadow|passwd|group|opasswd)[^/]*$")
"""The files with hashes, and their copies (``shadow-``, ``shadow.bak``)."""
_NO_HASH = ("", "*", "x", "!", "!!", "!*", "*LK*", "*NP*")
"""Password fields that hold no hash (shadow(5))."""


def hidden_file(path: str, data: bytes) -> bool:
    """True for a file that is one secret as a whole: a key file by its name or place, or by its first line."""
    name = PurePosixPath(path).name
    first = data[:200].lstrip().split(b"\n")[0]
    if _KEY_FILE.match(name) or _KEY_PLACE.match(path):
        return True
    return first.startswith(b"-----BEGIN") and b"PRIVATE KEY" in first


def hide_secrets(path: str, lines: Sequence[str]) -> list[str]:
    """`lines` (each with its line end) with a marker in place of every secret; the number of lines stays the same."""
    accounts = ACCOUNT_FILES.match(path)
    if not accounts and not _ANY.search("".join(lines)):
        return list(lines)  # nearly every file: one pass instead of four for each line
    shown, inside = [], False
    for line in lines:
        text = line.rstrip("\r\n")
        end = line[len(text) :]
        begins = BEGIN.search(text) is not None
        if inside or begins:
            inside = END.search(text) is None
            shown.append(KEY_MARK + end)
            continue
        if accounts:
            text = _account(text, accounts[1])
        text = CRYPT.sub(HASH_MARK, text)
        shown.append(_NAMED.sub(_named, text) + end)
    return shown


def _account(line: str, file: str) -> str:
    """A line of passwd(5), shadow(5), gshadow(5) or opasswd without its hashes; locks (``!``) stay visible."""
    fields = line.split(":")
    if file not in ("passwd", "group") and len(fields) == 1 and line.strip() and not line.startswith("#"):
        return LINE_MARK
    if file == "opasswd":  # name:uid:count:hash,hash
        return ":".join([*fields[:3], *(HASH_MARK for _ in fields[3:])])
    if len(fields) > 1 and fields[1] not in _NO_HASH:
        fields[1] = "!" * (len(fields[1]) - len(fields[1].lstrip("!"))) + HASH_MARK
    return ":".join(fields)


def _named(match: re.Match[str]) -> str:
    return match[1] + match[2] + VALUE_MARK


_OPEN = re.compile(
    r"(?:ufw|ip6?tables(?:-\w+)?|nft|firewall-cmd|ipset|netplan|ifup|ifdown|ip|systemctl|service|sshd|usermod|userdel|deluser"
    r"|gpasswd|chage|chmod|chown|chsh|visudo|vipw|vi|vim|nano|emacs|rm|mv|cp|ln|tee|apt|apt-get|dpkg|dnf|yum|zypper|reboot"
    r"|shutdown|poweroff|mkfs\S*|fdisk|parted|update-grub|update-initramfs|grub-\S+|dracut|do-release-upgrade|setenforce"
    r"|semanage|fail2ban-client|cscli|csf|wg-quick|hostnamectl|timedatectl|sysctl|modprobe|mount|umount)"
)
"""Programs whose arguments say what happened to a login, and are no place for a password."""
_LOGGED = re.compile(r"(?P<head>\bCOMMAND=)(?P<command>.*)|(?P<who>\b[Ii]nvalid user )(?P<name>\S+)")


def logged_command(command: str) -> str:
    """A command that sudo or a log told of, with its arguments only where no password can be among them."""
    words = command.split()
    if not words:
        return command
    program = words[0].rpartition("/")[2]
    plain = _OPEN.fullmatch(program) and not {"-p", "--password"} & set(words)
    return " ".join(words) if plain or len(words) == 1 else f"{words[0]} ..."


def hide_logged(lines: Sequence[str]) -> list[str]:
    """Lines of a log without what may be a password: arguments of commands, and names that no account has.

    Many a password was typed where a name was asked for. One line stays one line.
    """

    def hidden(found: re.Match[str]) -> str:
        if found["head"] is not None:
            return f"{found['head']}{logged_command(found['command'])}"
        return f"{found['who']}(hidden)"

    return [_LOGGED.sub(hidden, line) for line in hide_secrets("", lines)]
