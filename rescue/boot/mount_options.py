"""Which mount options a file system refuses: one that the kernel does not know makes the whole mount fail. Pure.

mount(8) deals with its own options and with those for other programs (x-..., comment=); everything else is handed to
the file system, and each parses its own list (fs/ext4/super.c, fs/xfs/xfs_super.c, fs/btrfs/super.c, fs/fat/inode.c,
mm/shmem.c of Linux).
"""

from __future__ import annotations

import re

GENERIC = frozenset(
    ["async", "atime", "auto", "bind", "comment", "context", "defaults", "defcontext", "dev", "diratime", "dirsync",
     "encryption", "exec", "fscontext", "group", "helper", "iversion", "lazytime", "loop", "loud", "mand", "move",
     "_netdev", "noatime", "noauto", "nodev", "nodiratime", "noexec", "nofail", "nogroup", "noiversion", "nolazytime",
     "nomand", "noowner", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "nouser", "nousers", "offset",
     "owner", "private", "rbind", "relatime", "remount", "ro", "rootcontext", "rprivate", "rshared", "rslave",
     "runbindable", "rw", "seclabel", "shared", "silent", "sizelimit", "slave", "strictatime", "suid", "symfollow",
     "sync", "ucontext", "uhelper", "unbindable", "user", "users"]
)  # fmt: skip
"""What libmount takes care of, whatever the file system."""

_EXT = frozenset(
    ["abort", "acl", "auto_da_alloc", "barrier", "bh", "block_validity", "bsddf", "bsdgroups", "check", "commit",
     "data", "data_err", "dax", "debug", "debug_want_extra_isize", "delalloc", "dioread_lock", "dioread_nolock",
     "discard", "errors", "fc_debug_force", "fc_debug_max_replay", "grpid", "grpjquota", "grpquota", "i_version",
     "init_itable", "inlinecrypt", "inode_readahead_blks", "journal_async_commit", "journal_checksum", "journal_dev",
     "journal_ioprio", "journal_path", "jqfmt", "max_batch_time", "max_dir_size_kb", "mb_optimize_scan",
     "mblk_io_submit", "min_batch_time", "minixdf", "no_mbcache", "no_prefetch_block_bitmaps", "noacl",
     "noauto_da_alloc", "nobarrier", "nobh", "noblock_validity", "nocheck", "nodelalloc", "nodiscard", "nogrpid",
     "noinit_itable", "nojournal_checksum", "noload", "nombcache", "nomblk_io_submit", "noquota", "norecovery",
     "noreservation", "nouid32", "nouser_xattr", "nowarn_on_error", "oldalloc", "orlov", "prefetch_block_bitmaps",
     "prjquota", "quota", "reservation", "resgid", "resuid", "sb", "stripe", "sysvgroups", "test_dummy_encryption",
     "user_xattr", "usrjquota", "usrquota", "warn_on_error", "xip"]
)  # fmt: skip
_KNOWN = {
    "ext2": _EXT,
    "ext3": _EXT | {"journal"},
    "ext4": _EXT | {"extents", "noextents"},
    "xfs": frozenset(
        ["allocsize", "attr2", "barrier", "biosize", "bsdgroups", "dax", "delaylog", "discard", "dmapi", "dmi",
         "filestreams", "gqnoenforce", "gquota", "grpid", "grpquota", "ihashsize", "ikeep", "inode32", "inode64",
         "irixsgid", "largeio", "lifetime", "logbsize", "logbufs", "logdev", "max_atomic_write", "max_open_zones",
         "mtpt", "noalign", "noattr2", "nobarrier", "nodelaylog", "nodiscard", "nogrpid", "noikeep", "nolargeio",
         "nolifetime", "noquota", "norecovery", "nouuid", "osyncisdsync", "osyncisosync", "pqnoenforce", "pquota",
         "prjquota", "qnoenforce", "quota", "rtdev", "sunit", "swalloc", "swidth", "sysvgroups", "uqnoenforce",
         "uquota", "usrquota", "wsync", "xdsm"]
    ),
    "btrfs": frozenset(
        ["acl", "alloc_start", "autodefrag", "barrier", "check_int", "check_int_data", "check_int_print_mask",
         "clear_cache", "commit", "compress", "compress-force", "datacow", "datasum", "degraded", "device", "discard",
         "enospc_debug", "fatal_errors", "flushoncommit", "fragment", "ignorebadroots", "ignoredatacsums",
         "ignoremetacsums", "ignoresuperflags", "inode_cache", "max_inline", "metadata_ratio", "noacl", "noautodefrag",
         "nobarrier", "nodatacow", "nodatasum", "nodiscard", "noenospc_debug", "noflushoncommit", "noinode_cache",
         "nologreplay", "norecovery", "nospace_cache", "nossd", "nossd_spread", "notreelog",
         "nouser_subvol_rm_allowed", "recovery", "ref_tracker", "ref_verify", "rescan_uuid_tree", "rescue",
         "skip_balance", "space_cache", "ssd", "ssd_spread", "subvol", "subvolid", "subvolrootid", "thread_pool",
         "treelog", "usebackuproot", "user_subvol_rm_allowed"]
    ),
    "vfat": frozenset(
        ["allow_utime", "blocksize", "check", "codepage", "conv", "cvf_format", "cvf_options", "debug", "discard",
         "dmask", "dos1xfloppy", "dots", "dotsOK", "errors", "fat", "flush", "fmask", "gid", "iocharset", "nfs",
         "nodots", "nonumtail", "numtail", "obsolete", "posix", "quiet", "rodir", "shortname", "showexec",
         "sys_immutable", "time_offset", "tz", "uid", "umask", "uni_xlate", "usefree", "utf8"]
    ),
    "tmpfs": frozenset(
        ["casefold", "gid", "grpquota", "grpquota_block_hardlimit", "grpquota_inode_hardlimit", "huge", "inode32",
         "inode64", "mode", "mpol", "noswap", "nr_blocks", "nr_inodes", "quota", "size", "strict_encoding", "uid",
         "usrquota", "usrquota_block_hardlimit", "usrquota_inode_hardlimit"]
    ),
}  # fmt: skip
"""All that some kernel of the last fifteen years took."""

_GONE = {
    "xfs": frozenset(
        ["barrier", "biosize", "delaylog", "dmapi", "dmi", "ihashsize", "irixsgid", "mtpt", "nobarrier", "nodelaylog",
         "osyncisdsync", "osyncisosync", "xdsm"]
    ),
}  # fmt: skip
"""What Linux from 4.19 on refuses."""
GONE_SINCE = (4, 19)

_MISTYPED = frozenset(
    ["default", "no-fail", "no_fail", "nofial", "nofaill", "nobootwait", "no-auto", "noatim", "no-atime", "notime",
     "readonly", "readwrite"]
)  # fmt: skip
"""Words that no file system has had."""

NEWER = "a kernel may know this option"
OLDER = "kernels before 4.19 take this option"


def refused_options(kind: str, options: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The options that a file system of this type refuses, each with why that is in doubt ("" where it is certain)."""
    known = _KNOWN.get(kind)
    if known is None or any('"' in each for each in options):  # a quoted value may hold commas
        return ()
    others = frozenset().union(*(names for name, names in _KNOWN.items() if name != kind))
    found = []
    for option in options:
        name = option.partition("=")[0]
        if not name or name in GENERIC or name.startswith(("x-", "X-", "verity.")):
            continue
        if name in _GONE.get(kind, ()):
            found.append((option, OLDER))
        elif name not in known:
            found.append((option, "" if name in others | _MISTYPED else NEWER))
    return tuple(found)


_NUMBER = r"(?:0[xX][0-9a-fA-F]+|\d+)"
_TMPFS_VALUES = {
    "size": rf"{_NUMBER}[kKmMgGtTpPeE]?%?", "nr_blocks": rf"{_NUMBER}[kKmMgGtTpPeE]?",
    "nr_inodes": rf"{_NUMBER}[kKmMgGtTpPeE]?", "mode": r"[0-7]+", "uid": r"\d+", "gid": r"\d+",
}  # fmt: skip
"""What tmpfs takes (shmem_parse_one in mm/shmem.c: memparse, octal, a number); a name is none of it."""
_BYTES = re.compile(rf"({_NUMBER}[kKmMgGtTpPeE])(?:i?[bB])")


def refused_values(kind: str, options: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The options of a tmpfs whose value it refuses, each with the option that was meant ("" if nobody can tell)."""
    found = []
    for option in options if kind == "tmpfs" else ():
        name, equals, value = option.partition("=")
        wanted = _TMPFS_VALUES.get(name)
        if wanted is None or not equals or re.fullmatch(wanted, value):
            continue
        slip = _BYTES.fullmatch(value)
        found.append((option, f"{name}={slip[1]}" if slip is not None and name == "size" else ""))
    return tuple(found)
