"""The undo log: what a fix changes, written before it changes it, so that the fix can be undone.

On the target it is in /var/lib/rescue (0700, root's), one folder for each fix:

    fixes/20261122T184500Z/record.json     what is changed, before and after, and how far it got
    fixes/20261122T184500Z/changes.diff    the same for people; never contains a secret
    fixes/20261122T184500Z/before/0001     the old content of the first changed file, for the undo

The folder is kept after an undo: it is the server's history. The record is written into it first, with the state
"prepared", which becomes "started" once the old contents are saved: so a fix that was killed before its first change
is recognised, and the next fix deletes its folder. A folder with old contents but no record, or with an empty or
damaged one, is never touched: it may be all that is left of what a fix replaced.
"""

from rescue.undo_log.encoding import decode, encode
from rescue.undo_log.errors import ApplyError, JournalError
from rescue.undo_log.record import Imprint, Record, RecordedChange, Standing, State, recorded
from rescue.undo_log.store import InDirectory, InTarget, JournalStore, NoRecord, read_records

__all__ = [
    "ApplyError",
    "Imprint",
    "InDirectory",
    "InTarget",
    "JournalError",
    "JournalStore",
    "NoRecord",
    "Record",
    "RecordedChange",
    "Standing",
    "State",
    "decode",
    "encode",
    "read_records",
    "recorded",
]
