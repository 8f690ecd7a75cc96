"""The journal: what a fix changed, written before it changes it, from which the fix is taken back.

On the target it lies under /var/lib/rescue (0700, root's), one folder for each fix:

    fixes/20261122T184500Z/record.json     what is changed, before and after, and how far it got
    fixes/20261122T184500Z/changes.diff    the same for people; never with a secret in it
    fixes/20261122T184500Z/before/0001     the old content of the first changed file, for the undo

The folder stays after an undo: it is the server's history. The record is the first that is written into it, with the
state "prepared", and says "started" once the old contents are there: what a kill left of a fix that had not begun says
so itself, and the next fix clears it away. A folder with old contents and no record, an empty one or a damaged one is
never touched: it may be all that is left of what a fix replaced.
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
