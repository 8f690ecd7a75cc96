"""What every verb gets beside its own options: the request, the report, the one who is asked, the way to a target."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rescue.model import Client
from rescue.targets.open import needs_kernel, open_target
from rescue.targets.protocol import OnlyKernel, SeveralRoots, Target
from rescue.text.safe import safe
from rescue.ui.prompts import Asker, Cancellation, NoTerminal, asker
from rescue.ui.report import Report, console
from rescue.verbs.request.opening import opening_of
from rescue.verbs.request.request import Request


@dataclass
class Session:
    """One run of one verb. request: replaced by another where the person says, when asked, how to open the target."""

    request: Request
    report: Report
    asker: Asker

    @property
    def json(self) -> bool:
        return self.request.output.json

    @property
    def client(self) -> Client:
        return self.request.client

    @property
    def _asks(self) -> bool:
        """Whether a question about the target may be asked."""
        return not (self.json or self.request.unattended or isinstance(self.asker, NoTerminal))

    def asking_for(self, request: Request) -> Session:
        """The same person, with another request."""
        return replace(self, request=request)

    @contextmanager
    def target(self, spec: str, *, write: bool) -> Iterator[Target]:
        """The target opened, and closed again whatever happens."""
        self.agree_to_kernel(spec)
        try:
            opened = self._opened(spec, write)
        except SeveralRoots as several:
            if not self._asks:
                raise
            chosen = self.asker.choose("There is more than one server. Which one?", [what for _, what in several.roots])
            self.request = self.request.opened(root=several.roots[chosen][0])
            opened = self._opened(spec, write)
        try:
            yield opened
        finally:
            opened.close()

    def agree_to_kernel(self, spec: str) -> None:
        """Ask whether this machine's kernel may read the image, where nothing else can. The answer counts for the run.

        Raises OnlyKernel where nobody can be asked, Cancellation where the answer is no.
        """
        try:
            if not needs_kernel(Path(spec), self.request.opening.backend):
                return
        except (OSError, ValueError):
            return  # what opens it says why
        if not self._asks:
            raise OnlyKernel(spec)
        self.report.line("libguestfs, which reads an image apart from this system, is not installed.")
        self.report.line("This machine's kernel could read it; an image that was made to harm might attack it.")
        if not self.asker.confirm(f"Do you trust {safe(spec)}?"):
            raise Cancellation
        self.request = self.request.opened(backend="kernel")

    def _opened(self, spec: str, write: bool) -> Target:
        opening = self.request.opening
        return open_target(
            spec, write=write, backend=opening.backend, root=opening.root, progress=self.progress,
            opening=opening_of(opening),
        )  # fmt: skip

    def progress(self, message: str) -> None:
        """Say what takes a while, on the error stream, so that it never gets into a document."""
        if not self.json and not self.request.output.quiet:
            print(f"... {safe(message)}", file=sys.stderr, flush=True)

    def tell(self, message: str) -> None:
        """Say what a person must know and no document has a place for: on the error stream with --json."""
        if self.json:
            print(safe(message), file=sys.stderr, flush=True)
        else:
            self.report.line(safe(message), "yellow")

    def client_words(self) -> list[str]:
        """The options that say who wants in and how to open the target, word by word: for commands to propose."""
        return self.request.client_words

    def opening_words(self) -> list[str]:
        """The options that say how to open the target, word by word."""
        return self.request.opening.words


def session_of(request: Request) -> Session:
    """The session of one request, with whoever sits at the terminal."""
    color = not request.output.no_color
    return Session(request, Report(console(color=color)), asker(color=color))
