"""Who wants in: what the command line says of the client, and what that means."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from rescue.errors import UsageError
from rescue.model import Address, Client
from rescue.sshd.handshake.clients import named
from rescue.text.safe import cut
from rescue.verbs.request.public_key import comment_of, key_to_add, read_public_key

BROADCAST = IPv4Address("255.255.255.255")


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Who wants in, in the person's own words. key: the file of the public key; add_key: of one that is to be added.
    console: the file of a saved serial console. expect_addresses, expect_macs: the server's own, by the provider.
    program: the name of the one that connects. by_password: they know the password, and log in with it.
    """

    user: str | None = None
    sources: tuple[str, ...] = ()
    port: int | None = None
    key: str | None = None
    add_key: str | None = None
    console: str | None = None
    expect_addresses: tuple[str, ...] = ()
    expect_macs: tuple[str, ...] = ()
    program: str | None = None
    by_password: bool = False


def client_of(who: ClientOptions) -> Client:
    """The client that the words mean. Raises UsageError where there can be none such."""
    try:
        sources = tuple(source_of(each) for each in who.sources)
    except ValueError as problem:
        raise UsageError(
            f"--from takes an address such as 203.0.113.7 or 2001:db8::7: {cut(str(problem), 120)}",
            "Your own address, as the server sees it: ask a page that shows it, such as your provider's.",
        ) from problem
    if who.port is not None and not 1 <= who.port <= 65535:
        raise UsageError(
            "--port takes a number from 1 to 65535" + (f", not {who.port}" if who.port else ""),
            "It is the number behind -p when you type ssh; without it, leave --port away.",
        )
    console = console_text(who.console) if who.console is not None else ""
    expected = tuple(_own_address(each) for each in who.expect_addresses)
    try:
        Client(macs=who.expect_macs)
    except ValueError as problem:
        raise UsageError(
            f"--expect-mac takes a hardware address such as 52:54:00:12:34:56: {cut(str(problem), 120)}",
            "The provider's panel shows it as MAC address; `ip link` in its rescue system as link/ether.",
        ) from problem
    program = _program(who.program) if who.program is not None else ""
    if who.add_key is None:
        key = read_public_key(who.key, "--key").public if who.key is not None else None
        return Client(
            who.user, sources, who.port, key, console=console, expected=expected, macs=who.expect_macs,
            program=program, by_password=who.by_password,
        )  # fmt: skip
    # Who wants a key to be added logs in with it.
    if who.key is not None:
        raise UsageError("--key and --add-key: one of them", "--add-key takes the key for yours, and adds it.")
    added = key_to_add(who.add_key)
    return Client(
        who.user, sources, who.port, added.public, comment=comment_of(added), console=console, expected=expected,
        macs=who.expect_macs, program=program, by_password=who.by_password,
    )  # fmt: skip


def _program(word: str) -> str:
    """The program that connects, as its option says it. Raises UsageError for an unknown one."""
    try:
        return named(word).spelt
    except ValueError as problem:
        raise UsageError(
            f"--client {cut(word, 60)}: {problem}",
            "Name the program that you connect with, perhaps with its version: putty, openssh-8.4, paramiko-2.12.",
        ) from problem


def _own_address(word: str) -> Address:
    """An address that the server can be reached at. Raises UsageError where it can't."""
    try:
        address = source_of(word.strip().partition("/")[0])
        if address.is_loopback or address.is_link_local:
            raise ValueError(f"nobody outside reaches {address}")
    except ValueError as problem:
        raise UsageError(
            f"--expect-address takes an address such as 203.0.113.10 or 2001:db8::10: {cut(str(problem), 120)}",
            "The server's own address, as the provider's panel shows it: the one that you connect to.",
        ) from problem
    return address


CONSOLE_LIMIT = 8 << 20
"""Bytes of a saved console that are read: its end, where the last boot is."""


def console_text(name: str) -> str:
    """What a saved console shows. Raises UsageError where the file can't be read, or is empty."""
    path = Path(name).expanduser()
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - CONSOLE_LIMIT))
            text = _decoded(stream.read(CONSOLE_LIMIT))
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise UsageError(
            f"--console {name}: {why}", "Name a file in which you saved the text of the provider's serial console."
        ) from problem
    if not text.strip():
        raise UsageError(f"--console {name} is empty", "Save the text of the provider's serial console in it.")
    return text


def _decoded(data: bytes) -> str:
    """The text: UTF-8, or UTF-16 as Windows' editors save it, which every second byte of zero betrays."""
    zeros = data[:4096]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    for kind, first in (("utf-16-le", 1), ("utf-16-be", 0)):
        half = zeros[first::2]
        if len(half) > 8 and half.count(0) > len(half) * 3 // 4:
            return data.decode(kind, "replace")
    return data.decode("utf-8", "replace")


def source_of(word: str) -> Address:
    """An address that a client can have. One of IPv4 is one, however a log of the server spells it."""
    address = ip_address(word)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    if address.is_unspecified or address.is_multicast or address == BROADCAST:
        raise ValueError(f"nobody comes from {address}")
    return address
