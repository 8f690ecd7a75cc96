"""An immutable snapshot of the files that matter on a server, and what differs between two snapshots.

A `Tree` is captured once from a target and then only read: checks, plans and trial repairs work on it,
never on a file system. Names and links are resolved as the kernel would after ``chroot(2)``: no link leads out of
the root (path_resolution(7)). What was not captured is not the same as what does not exist: asking for it raises
`NotCaptured`, which names what to capture. What could not be read is not the same as what is empty or absent: asking
for it raises `ReadError`, which names the file and the error.

Paths are absolute, normalised POSIX paths below the server's root. Names that are not UTF-8 are kept with Python's
surrogateescape, so they can be written back byte for byte.
"""

from rescue.tree.below import seen_from
from rescue.tree.change import Action, Change
from rescue.tree.devices import Device, Devices
from rescue.tree.entry import SELINUX, Entry, FileSystem, Kind, directory, file, symlink
from rescue.tree.paths import AnyPath
from rescue.tree.reads import CONTENT_LIMIT, RULES_LIMIT, NotCaptured, Read, ReadError
from rescue.tree.snapshot import MAX_LINKS, LinkLoop, TooManyDirectories, Tree

__all__ = [
    "CONTENT_LIMIT",
    "MAX_LINKS",
    "RULES_LIMIT",
    "SELINUX",
    "Action",
    "AnyPath",
    "Change",
    "Device",
    "Devices",
    "Entry",
    "FileSystem",
    "Kind",
    "LinkLoop",
    "NotCaptured",
    "Read",
    "ReadError",
    "TooManyDirectories",
    "Tree",
    "directory",
    "file",
    "seen_from",
    "symlink",
]
