"""Which distribution a tree holds: os-release(5), with the older files as a fall-back."""

from __future__ import annotations

from dataclasses import dataclass
from re import compile as compile_pattern

from rescue.tree import Tree

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
OLDER = ("/etc/redhat-release", "/etc/debian_version", "/etc/alpine-release")
"""What systems before os-release(5) had."""
DEBIAN_FAMILY = frozenset({"debian", "ubuntu"})
RED_HAT_FAMILY = frozenset({"rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn"})

_ASSIGNMENT = compile_pattern(r"\s*([A-Z][A-Z0-9_]*)=(.*)")
_RED_HAT_RELEASE = compile_pattern(r"(?P<name>.+?)\s+(?:Linux\s+)?(?:Server\s+)?release\s+(?P<version>\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Release:
    """A distribution: ID, VERSION_ID, PRETTY_NAME and ID_LIKE of os-release(5); empty where the disk does not say."""

    id: str = ""
    version_id: str = ""
    name: str = ""
    like: tuple[str, ...] = ()

    @property
    def family(self) -> frozenset[str]:
        """The distribution's own id and those it is like."""
        return frozenset({self.id, *self.like}) - {""}

    @property
    def is_debian(self) -> bool:
        """True for Debian, Ubuntu and what is made of their packages: programs carry Debian's patches."""
        return bool(self.family & DEBIAN_FAMILY)

    @property
    def is_red_hat(self) -> bool:
        """True for Fedora, RHEL and what is made of their packages."""
        return bool(self.family & RED_HAT_FAMILY)

    @property
    def major(self) -> int:
        """The first number of `version_id`; 0 if there is none (a rolling distribution)."""
        head = self.version_id.partition(".")[0]
        return int(head) if head.isascii() and head.isdigit() and len(head) < 6 else 0


def read_release(tree: Tree) -> Release:
    """The release of `tree`. Every field is empty where no file tells."""
    for path in OS_RELEASE:
        text = tree.text_if_read(path)
        if text is not None:
            values = parse_os_release(text)
            return Release(
                id=values.get("ID", "linux").lower(),
                version_id=values.get("VERSION_ID", ""),
                name=values.get("PRETTY_NAME", "") or values.get("NAME", ""),
                like=tuple(values.get("ID_LIKE", "").lower().split()),
            )
    return _older(tree)


def parse_os_release(text: str) -> dict[str, str]:
    """The assignments of an os-release file, shell quoting undone; the last of a name counts, as in a shell."""
    values = {}
    for line in text.split("\n"):
        match = _ASSIGNMENT.fullmatch(line.rstrip())
        if match:
            values[match[1]] = _unquote(match[2])
    return values


def _unquote(value: str) -> str:
    """The first word of a shell's assignment; systemd's and sshd_config's quotes follow other rules."""
    quote = value[:1]
    if quote == "'":
        return value[1:].partition("'")[0]
    made, at = [], 1 if quote == '"' else 0
    while at < len(value):
        char = value[at]
        if char == "\\" and at + 1 < len(value):
            at += 1
            made.append(value[at])
        elif (quote == '"' and char == '"') or (quote != '"' and char in " \t"):
            break
        else:
            made.append(char)
        at += 1
    return "".join(made)


def _older(tree: Tree) -> Release:
    """Systems without os-release: RHEL and CentOS 6, Debian 6, Alpine 3.0 and before."""
    if (text := _first_line(tree, OLDER[0])) is not None:
        match = _RED_HAT_RELEASE.match(text)
        if match:
            name = match["name"].lower()
            known = "fedora" if "fedora" in name else "centos" if "centos" in name else "rhel"
            return Release(known, match["version"], text, () if known == "fedora" else ("rhel", "fedora"))
        return Release("rhel", "", text)
    if (text := _first_line(tree, OLDER[1])) is not None:
        return Release("debian", text if text[:1].isdigit() else "", f"Debian {text}")
    if (text := _first_line(tree, OLDER[2])) is not None:
        return Release("alpine", text, f"Alpine Linux {text}")
    return Release()


def _first_line(tree: Tree, path: str) -> str | None:
    text = tree.text(path)
    return None if text is None else text.partition("\n")[0].strip()[:200]
