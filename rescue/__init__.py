"""Finds out from a server's disk why SSH is refused, repairs it, proves the repair and undoes itself.

This is also a library: `rescue explain api` and docs/library.md show what it has. Each name is looked for when it is
first used, so that ``import rescue`` costs next to nothing.
"""

from rescue.version import __version__ as __version__

# As typing.TYPE_CHECKING, which type checkers know by this name too, without the import of typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from rescue.apply import (
        Applied,
        ApplyError,
        Conflict,
        JournalError,
        NothingToUndo,
        Recovered,
        TargetChanged,
        Undoing,
        Undone,
        UndoRefused,
    )
    from rescue.errors import RescueError
    from rescue.library import (
        Fixed,
        Inspection,
        diff,
        fix,
        history,
        inspect,
        open_target,
        plan,
        preview_undo,
        recover,
        undo,
    )
    from rescue.login_path import LoginPath, State, StepVerdict, UserVerdict, Verdict
    from rescue.model import Client, Finding, Gap, Location, Repair, Safety, Severity, Step, Symptom
    from rescue.planner import Choose, Left, Mend, Plan, any_repairs, safe_repairs, taken_unasked
    from rescue.status import Status
    from rescue.targets.protocol import (
        NoSpace,
        OnlyKernel,
        SeveralRoots,
        Target,
        TargetBusy,
        TargetError,
        TargetUnsafe,
    )
    from rescue.text.safe import safe
    from rescue.tree import Action, Change, Entry, ReadError, Tree
    from rescue.ui.document import document
    from rescue.undo_log import Record

__all__ = [
    "Action",
    "Applied",
    "ApplyError",
    "Change",
    "Choose",
    "Client",
    "Conflict",
    "Entry",
    "Finding",
    "Fixed",
    "Gap",
    "Inspection",
    "JournalError",
    "Left",
    "Location",
    "LoginPath",
    "Mend",
    "NoSpace",
    "NothingToUndo",
    "OnlyKernel",
    "Plan",
    "ReadError",
    "Record",
    "Recovered",
    "Repair",
    "RescueError",
    "Safety",
    "SeveralRoots",
    "Severity",
    "State",
    "Status",
    "Step",
    "StepVerdict",
    "Symptom",
    "Target",
    "TargetBusy",
    "TargetChanged",
    "TargetError",
    "TargetUnsafe",
    "Tree",
    "UndoRefused",
    "Undoing",
    "Undone",
    "UserVerdict",
    "Verdict",
    "any_repairs",
    "diff",
    "document",
    "fix",
    "history",
    "inspect",
    "open_target",
    "plan",
    "preview_undo",
    "recover",
    "safe",
    "safe_repairs",
    "taken_unasked",
    "undo",
]

_MODULES = {
    "apply": (
        "Applied ApplyError Conflict JournalError NothingToUndo Recovered TargetChanged UndoRefused Undoing Undone"
    ),
    "errors": "RescueError",
    "library": "Fixed Inspection diff fix history inspect open_target plan preview_undo recover undo",
    "login_path": "LoginPath State StepVerdict UserVerdict Verdict",
    "model": "Client Finding Gap Location Repair Safety Severity Step Symptom",
    "planner": "Choose Left Mend Plan any_repairs safe_repairs taken_unasked",
    "status": "Status",
    "targets.protocol": "NoSpace OnlyKernel SeveralRoots Target TargetBusy TargetError TargetUnsafe",
    "text.safe": "safe",
    "tree": "Action Change Entry ReadError Tree",
    "ui.document": "document",
    "undo_log": "Record",
}
"""Where each name of the library is. The imports above say the same to type checkers; a test compares them."""

if not TYPE_CHECKING:  # else type checkers would believe that there is any name at all

    def __getattr__(name):
        """The library's `name`, imported now and kept."""
        module = next((module for module, names in _MODULES.items() if name in names.split()), None)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
