"""``rescue --via root@HOST VERB ...``: the same command on another machine, over the system's own ssh.

The program is sent once and kept there by its digest; the screen, the status and the files that a command writes are as
if it had been typed there, but that files of the person (keys, a saved console, results) are of this computer.
"""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path, PurePosixPath

from rescue.text.safe import safe
from rescue.ui.program import program
from rescue.verbs.request.guesses import address
from rescue.verbs.via.connection import Connection, answers, checked, connected, on_terminal
from rescue.verbs.via.errors import ViaError
from rescue.verbs.via.handed_over import HandedOver, handed_over, keep
from rescue.verbs.via.other_side import Side, kept, probed
from rescue.verbs.via.program_file import program_for

_RUN = """\
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin RESCUE_VIA=$1 RESCUE_VIA_FOLDER=$2
export PATH RESCUE_VIA RESCUE_VIA_FOLDER
if [ -n "$3" ]; then NO_COLOR=1; export NO_COLOR; fi
shift 3
exec "$@"
"""
_FOLDER = 'umask 077; mkdir -- "$1" && echo via:made=1'
_LIST = 'cd -- "$1" && for name in *; do [ -f "$name" ] && echo "via:file=$name"; done'


def run(host: str, file: str | None, words: Sequence[str], behind: Sequence[str], options: Namespace) -> int:
    """Run the command line there, and give its status. Raises UsageError, ViaError."""
    quiet = bool(getattr(options, "quiet", False) or getattr(options, "json", False))
    over = handed_over(words, behind, options)
    with connected(checked(host)) as connection:
        side = probed(connection)
        started = program_for(side, file)
        spelled = [*shlex.split(program()), "--via", host, *(["--via-file", file] if file is not None else [])]

        def progress(message: str) -> None:
            if not quiet:
                print(f"... {safe(message)}", file=sys.stderr, flush=True)

        path = kept(connection, started.data, started.kind, started.name, progress=progress, bar=not quiet)
        console = ""
        if over.console is not None:
            console = kept(connection, over.console, "console", "the saved console", progress=progress, bar=not quiet)
        folder = _folder(connection, path) if over.writes else ""
        try:
            status = connection.run(
                _RUN, shlex.join(spelled), folder, os.environ.get("NO_COLOR", ""),
                *started.words(path), *over.command(folder, console), terminal=on_terminal(),
            )  # fmt: skip
            if folder:
                _bring(connection, folder, over, quiet=quiet)
        finally:
            if folder and connection.alive():
                connection.asked('rm -rf -- "$1"', folder)
    if not quiet:
        _propose(side, options, spelled)
    return status


def _folder(connection: Connection, path: str) -> str:
    """A new folder there for what the command writes, in the private one of the program."""
    folder = str(PurePosixPath(path).parent / f"results-{secrets.token_hex(8)}")
    if "made" not in answers(connection.asked(_FOLDER, folder)):
        raise ViaError(f"{connection.host} can't make a folder for the files that come back", "Make room there.")
    return folder


def _bring(connection: Connection, folder: str, over: HandedOver, *, quiet: bool) -> None:
    """Get the files that the command wrote."""

    def get(there: str, here: Path) -> None:
        def into(part: Path) -> None:
            with part.open("wb") as stream:
                connection.fetched(stream, there)

        keep(here, into, private=here.suffix != ".html")

    for path in over.fetch(folder, answers(connection.asked(_LIST, folder)).get("file", []), get):
        if not quiet:
            print(f"... {safe(str(path))} is on this computer now", file=sys.stderr, flush=True)


def _propose(side: Side, options: Namespace, spelled: list[str]) -> None:
    """Name the address that this ssh comes from, where one can be given and none was: a guess."""
    if options.verb not in ("inspect", "firewall") or getattr(options, "sources", None):
        return
    guess = address({"SSH_CONNECTION": side.seen_as})
    if guess is None or ip_address(guess).is_loopback:
        return
    command = f"{shlex.join(spelled)} {options.verb} --from {guess}"
    print(
        f"A guess: you come from {guess}, as {safe(side.host)} sees it (a VPN's or a jump host's, if you use one).\n"
        f"To check for this address alone: {safe(command)}",
        file=sys.stderr,
    )
