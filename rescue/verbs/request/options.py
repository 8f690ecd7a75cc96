"""The options that one verb alone has, a frozen class for each; a field has the name that the parser gives to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Of a verb that has none of its own."""


@dataclass(frozen=True, slots=True)
class DisksOptions:
    """what: the disks and images; all block devices where none is named."""

    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InspectOptions:
    """all: also what holds. html: the file for the web page."""

    all: bool = False
    html: str | None = None


@dataclass(frozen=True, slots=True)
class FixOptions:
    """what: the target, if it is named, and the findings; only: further findings, by their causes or numbers.

    set_password: the account that gets a new one; password_file: where it is read from, None where it is asked for.
    html: the file for the web page.
    """

    what: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    yes: bool = False
    unsafe: bool = False
    dry_run: bool = False
    journal: str | None = None
    set_password: str | None = None
    password_file: str | None = None
    html: str | None = None

    @property
    def attended(self) -> bool:
        """Whether a person chooses the repairs, and agrees to what is written."""
        return not self.yes and not self.dry_run


@dataclass(frozen=True, slots=True)
class UndoOptions:
    """id: of the fix; the last one where none is named."""

    id: str | None = None
    yes: bool = False
    dry_run: bool = False
    journal: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """journal: the directory of the undo log, if it is not on the target."""

    journal: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineOptions:
    """html: the file for the web page."""

    html: str | None = None


@dataclass(frozen=True, slots=True)
class FirewallOptions:
    """interface: the one that the packets arrive on. all: every address and rule. prove: ask this machine's kernel."""

    interface: str | None = None
    all: bool = False
    prove: bool = False


@dataclass(frozen=True, slots=True)
class MountOptions:
    """dir: where; after the server's name where none is given."""

    dir: str | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class UmountOptions:
    """what: the target or the folder; all of them where none is named."""

    what: str | None = None


@dataclass(frozen=True, slots=True)
class ShellOptions:
    """command: what stands behind "--", which is the server's; a shell where nothing does."""

    command: tuple[str, ...] = ()
    read_only: bool = False
    no_network: bool = False


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """output: the file. quick: do not measure what fills the disk. with_logs: with what the logs tell of logins."""

    output: str | None = None
    quick: bool = False
    with_logs: bool = False


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """cause: its name, or a page's; the list of all where none is given. all: of sshd's keywords."""

    cause: str | None = None
    all: bool = False


@dataclass(frozen=True, slots=True)
class LabOptions:
    """way: how the server is brought up."""

    action: str | None = None
    scenario: str | None = None
    random: bool = False
    difficulty: str | None = None
    way: str | None = None
    yes: bool = False
    explain: bool = False


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """host: or USER@HOST. four, six: one IP version alone. reference: another host that is asked at the same port.
    check: one line and the status of a monitoring plugin."""

    host: str | None = None
    four: bool = False
    six: bool = False
    reference: str | None = None
    check: bool = False


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """what: a cause, a finding's number, a target, or "last". provider: whose panel is described."""

    what: str | None = None
    provider: str | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class TicketOptions:
    """what: a host that was probed, and a target to inspect; the host that was probed last where none is named."""

    what: tuple[str, ...] = ()
    markdown: bool = False


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """old, new: the target before and after."""

    old: str | None = None
    new: str | None = None


OPTIONS = {
    "menu": NoOptions,
    "disks": DisksOptions,
    "inspect": InspectOptions,
    "fix": FixOptions,
    "undo": UndoOptions,
    "history": HistoryOptions,
    "timeline": TimelineOptions,
    "firewall": FirewallOptions,
    "space": NoOptions,
    "mount": MountOptions,
    "umount": UmountOptions,
    "shell": ShellOptions,
    "capture": CaptureOptions,
    "explain": ExplainOptions,
    "lab": LabOptions,
    "doctor": NoOptions,
    "probe": ProbeOptions,
    "console": ConsoleOptions,
    "ticket": TicketOptions,
    "diff": CompareOptions,
    "blame": CompareOptions,
}
"""By the verb."""
