"""The client's own side: what ``ssh -G`` says that would be done, which keys are there, what known_hosts remembers.

Only the person's own files are read, and only names, modes and public halves are kept of keys.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

from rescue.outside.known_hosts import known_keys, known_ports
from rescue.outside.observed import ClientSide

_KEPT = {
    "kexalgorithms": "KexAlgorithms",
    "hostkeyalgorithms": "HostKeyAlgorithms",
    "ciphers": "Ciphers",
    "macs": "MACs",
}
MOST = 256 << 10
"""Bytes of ``ssh -G`` that are read."""
_TUNNELS = ("tun", "tap", "wg", "ppp", "utun", "tailscale", "zt", "ipsec", "nordlynx", "proton", "gpd")


def client_side(host: str, user: str | None, port: int | None, *, every_port: bool = True) -> ClientSide:
    """What ssh would do for `host`, and what our own files say of it. Sends nothing.

    every_port: also look through hashed known_hosts entries for the port, which takes seconds where there are many.
    """
    said, trouble = _settings(host, user, port)
    troubles = [trouble] if trouble else []
    hostname = _one(said, "hostname") or host
    number = port or _number(_one(said, "port")) or 22
    files = [_path(each) for each in (_one(said, "userknownhostsfile") or "~/.ssh/known_hosts").split()]
    files += [Path(each) for each in (_one(said, "globalknownhostsfile") or "/etc/ssh/ssh_known_hosts").split()]
    names = (_one(said, "hostkeyalias") or host, host, hostname)
    keys, about_keys = _keys(said)
    jump = next(
        (value for name in ("proxyjump", "proxycommand") if (value := _one(said, name)) not in ("", "none")), ""
    )
    known = known_keys(files, names, (number,))
    ports = known_ports(files, names) if every_port else ()
    return ClientSide(
        hostname=hostname,
        user=user or _one(said, "user"),
        port=number,
        port_given=port is not None,
        keys=keys,
        troubles=tuple(troubles + about_keys),
        known=tuple(dict.fromkeys(each.key for each in known if not each.revoked)),
        known_ports=ports,
        jump=jump,
        algorithms=tuple((_KEPT[name], values[0]) for name, values in said.items() if name in _KEPT),
    )


def _settings(host: str, user: str | None, port: int | None) -> tuple[dict[str, list[str]], str]:
    """``ssh -G``, by keyword in lower case; and why it said nothing."""
    program = shutil.which("ssh")
    if program is None:
        return {}, "ssh is not installed here, so that nothing behind the greeting can be tried"
    words = [program, "-G", *(["-l", user] if user else []), *(["-p", str(port)] if port else []), "--", host]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        return {}, f"ssh -G did not answer: {type(problem).__name__}"
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:200]
        return {}, f"your own ssh configuration is refused: {last}"
    said: dict[str, list[str]] = {}
    for line in done.stdout[:MOST].decode("utf-8", "surrogateescape").split("\n"):
        name, _, value = line.partition(" ")
        said.setdefault(name.lower(), []).append(value)
    return said, ""


def _one(said: dict[str, list[str]], name: str) -> str:
    return said.get(name, [""])[0].strip()


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 6 and 0 < int(word) < 65536 else None


def _path(word: str) -> Path:
    try:
        return Path(word).expanduser()
    except (RuntimeError, ValueError):
        return Path(word)


def _keys(said: dict[str, list[str]]) -> tuple[tuple[str, ...], list[str]]:
    """The key files that are there, and what is wrong with them."""
    found, troubles = [], []
    configured = said.get("identityfile", [])
    for word in configured[:50]:
        path = _path(word)
        try:
            state = path.stat()
        except (OSError, ValueError):
            continue
        if not stat.S_ISREG(state.st_mode):
            continue
        found.append(word)
        if not os.access(path, os.R_OK):
            troubles.append(f"your key {word} can't be read by you: chmod 600 {word}")
        elif state.st_uid == os.geteuid() and state.st_mode & 0o077:
            # authfile.c, sshkey_perm_ok: only asked where the file is the user's own.
            troubles.append(f"ssh ignores your key {word}, as others may read it: chmod 600 {word}")
    if configured and not found and not os.environ.get("SSH_AUTH_SOCK"):
        troubles.append(
            "none of the key files that ssh would try is here (" + ", ".join(configured[:6]) + "), and no agent runs"
        )
    return tuple(found), troubles


def interface_of(address: str) -> str:
    """The network interface that has our own `address`; "" where that can't be told. Linux, IPv4."""
    if not address or ":" in address:
        return ""
    with suppress(ImportError, OSError):
        from fcntl import ioctl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            for _, name in socket.if_nameindex():
                with suppress(OSError):
                    # SIOCGIFADDR of netdevice(7)
                    answer = ioctl(made, 0x8915, struct.pack("256s", name.encode()[:15]))
                    if socket.inet_ntoa(answer[20:24]) == address:
                        return name
    return ""


def is_tunnel(interface: str) -> bool:
    """Whether an interface of this name is usually a VPN's."""
    return interface.startswith(_TUNNELS)
