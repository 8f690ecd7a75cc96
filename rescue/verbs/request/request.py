"""What is asked for, as far as it is the same for every verb: made once of the command line, and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rescue.model import Client
from rescue.verbs.request.client import ClientOptions, client_of


@dataclass(frozen=True, slots=True)
class OpeningOptions:
    """How the target is to be opened, as the command line says it. disks: the same server's other ones."""

    backend: str = "auto"
    root: str | None = None
    disks: tuple[str, ...] = ()
    key_file: str | None = None
    format: str | None = None
    allow_backing: bool = False

    @property
    def words(self) -> list[str]:
        """The same, word by word: for commands to propose."""
        words: list[str] = []
        if self.backend != "auto":
            words += ["--backend", self.backend]
        if self.root is not None:
            words += ["--root", self.root]
        for disk in self.disks:
            words += ["--disk", disk]
        if self.key_file is not None:
            words += ["--key-file", self.key_file]
        if self.format is not None:
            words += ["--format", self.format]
        if self.allow_backing:
            words.append("--allow-backing")
        return words


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How a verb's answer is given."""

    json: bool = False
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """spec: the target, None where none is named. who: the client in the person's own words. unattended: --yes.

    `client` is what `who` means; `known_as` keeps the two together.
    """

    verb: str
    spec: str | None = None
    who: ClientOptions = field(default_factory=ClientOptions)
    client: Client = field(default_factory=Client)
    opening: OpeningOptions = field(default_factory=OpeningOptions)
    output: OutputOptions = field(default_factory=OutputOptions)
    unattended: bool = False

    def known_as(self, who: ClientOptions) -> Request:
        """The same for another client. Raises UsageError where there can be none such."""
        return replace(self, who=who, client=client_of(who))

    def opened(self, *, backend: str | None = None, root: str | None = None) -> Request:
        """The same with another way to open the target, as far as one is given."""
        opening = self.opening
        return replace(self, opening=replace(opening, backend=backend or opening.backend, root=root or opening.root))

    @property
    def client_words(self) -> list[str]:
        """The options that say who wants in and how to open the target, word by word: for commands to propose."""
        words: list[str] = []
        if self.client.user is not None:
            words += ["--user", self.client.user]
        for source in self.client.sources:
            words += ["--from", str(source)]
        if self.client.port is not None:
            words += ["--port", str(self.client.port)]
        key = self.who.key or self.who.add_key
        if key is not None:
            words += ["--key", key]
        if self.who.by_password:
            words += ["--by-password"]
        if self.who.console is not None:
            words += ["--console", self.who.console]
        for address in self.client.expected:
            words += ["--expect-address", str(address)]
        for mac in self.client.macs:
            words += ["--expect-mac", mac]
        if self.client.program:
            words += ["--client", self.client.program]
        return words + self.opening.words
