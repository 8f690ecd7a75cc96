"""What every verb gets: the options, the client, the report and the way to a target."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from rescue.errors import UsageError
from rescue.model import Address, Client
from rescue.targets.open import needs_kernel, open_target
from rescue.targets.protocol import OnlyKernel, SeveralRoots, Target
from rescue.text.safe import cut, safe
from rescue.ui.prompts import Asker, Cancelled, Nobody, asker
from rescue.ui.report import Report, console
from rescue.verbs.request.opening import opening_of
from rescue.verbs.request.public_key import comment_of, key_to_add, read_public_key
from rescue.verbs.request.undo_log_option import check_journal


@dataclass
class Session:
    """One run of one verb."""

    options: Namespace
    client: Client
    report: Report
    asker: Asker

    @property
    def json(self) -> bool:
        return bool(self.options.json)

    @contextmanager
    def target(self, spec: str, *, write: bool) -> Iterator[Target]:
        """The target opened, and closed again whatever happens."""
        self.agree_to_kernel(spec)
        try:
            opened = self._opened(spec, write)
        except SeveralRoots as several:
            if self.json or getattr(self.options, "yes", False) or isinstance(self.asker, Nobody):
                raise
            chosen = self.asker.choose("There is more than one server. Which one?", [what for _, what in several.roots])
            self.options.root = several.roots[chosen][0]
            opened = self._opened(spec, write)
        try:
            yield opened
        finally:
            opened.close()

    def agree_to_kernel(self, spec: str) -> None:
        """Ask whether this machine's kernel may read the image, where nothing else can. The answer counts for the run.

        Raises OnlyKernel where nobody can be asked, Cancelled where the answer is no.
        """
        try:
            if not needs_kernel(Path(spec), self.options.backend):
                return
        except (OSError, ValueError):
            return  # what opens it says why
        if self.json or getattr(self.options, "yes", False) or isinstance(self.asker, Nobody):
            raise OnlyKernel(spec)
        self.report.line("libguestfs, which reads an image apart from this system, is not installed.")
        self.report.line("This machine's kernel could read it; an image that was made to harm might attack it.")
        if not self.asker.confirm(f"Do you trust {safe(spec)}?"):
            raise Cancelled
        self.options.backend = "kernel"

    def _opened(self, spec: str, write: bool) -> Target:
        return open_target(
            spec, write=write, backend=self.options.backend, root=self.options.root, progress=self.progress,
            opening=opening_of(self.options),
        )  # fmt: skip

    def progress(self, message: str) -> None:
        """Say what takes a while, on the error stream, so that it never gets into a document."""
        if not self.json and not self.options.quiet:
            print(f"... {safe(message)}", file=sys.stderr, flush=True)

    def tell(self, message: str) -> None:
        """Say what a person must know and no document has a place for: on the error stream with --json."""
        if self.json:
            print(safe(message), file=sys.stderr, flush=True)
        else:
            self.report.line(safe(message), "yellow")

    def client_words(self) -> list[str]:
        """The options that say who wants in and how to open the target, word by word: for commands to propose."""
        who = self.client
        words: list[str] = []
        if who.user is not None:
            words += ["--user", who.user]
        for source in who.sources:
            words += ["--from", str(source)]
        if who.port is not None:
            words += ["--port", str(who.port)]
        key = self.options.key or self.options.add_key
        if key is not None:
            words += ["--key", key]
        return words + self.opening_words()

    def opening_words(self) -> list[str]:
        """The options that say how to open the target, word by word."""
        words: list[str] = []
        if self.options.backend != "auto":
            words += ["--backend", self.options.backend]
        if self.options.root is not None:
            words += ["--root", self.options.root]
        for disk in self.options.disks:
            words += ["--disk", disk]
        if self.options.key_file is not None:
            words += ["--key-file", self.options.key_file]
        if self.options.format is not None:
            words += ["--format", self.options.format]
        if self.options.allow_backing:
            words.append("--allow-backing")
        return words


def session_of(options: Namespace) -> Session:
    """The session that the options describe. Raises UsageError where an option's value can't be."""
    check_journal(options.journal, options.verb)
    color = not options.no_color
    return Session(options, _client(options), Report(console(color=color)), asker(color=color))


def source_of(word: str) -> Address:
    """An address that a client can have. One of IPv4 is one, however a log of the server spells it."""
    address = ip_address(word)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    if address.is_unspecified or address.is_multicast or address == BROADCAST:
        raise ValueError(f"nobody comes from {address}")
    return address


BROADCAST = IPv4Address("255.255.255.255")


def _client(options: Namespace) -> Client:
    try:
        sources = tuple(source_of(each) for each in options.sources)
    except ValueError as problem:
        raise UsageError(
            f"--from takes an address such as 203.0.113.7 or 2001:db8::7: {cut(str(problem), 120)}",
            "Your own address, as the server sees it: ask a page that shows it, such as your provider's.",
        ) from problem
    if options.port is not None and not 1 <= options.port <= 65535:
        raise UsageError(
            "--port takes a number from 1 to 65535" + (f", not {options.port}" if options.port else ""),
            "It is the number behind -p when you type ssh; without it, leave --port away.",
        )
    if options.add_key is not None:
        return _adding(options, sources)
    key = read_public_key(options.key, "--key").public if options.key is not None else None
    return Client(options.user, sources, options.port, key)


def _adding(options: Namespace, sources: tuple[Address, ...]) -> Client:
    """The client who wants a key to be added: it is the key that they log in with."""
    if options.key is not None:
        raise UsageError("--key and --add-key: one of them", "--add-key takes the key for yours, and adds it.")
    key = key_to_add(options.add_key)
    return Client(options.user, sources, options.port, key.public, comment=comment_of(key))
