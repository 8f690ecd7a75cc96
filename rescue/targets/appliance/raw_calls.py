"""Calls of libguestfs for names that are not UTF-8, which its Python bindings can't pass: the C library's own.

The bindings turn every name into text: one odd name hides its whole directory. The C interface takes bytes; its
functions and structures are stable (guestfs(3), "API and ABI stability"; <guestfs.h>).
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from functools import cache
from typing import Any

_Handle = Any

_STAT_FIELDS = (
    "st_dev", "st_ino", "st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size", "st_blksize", "st_blocks",
    "st_atime_sec", "st_atime_nsec", "st_mtime_sec", "st_mtime_nsec", "st_ctime_sec", "st_ctime_nsec",
    "st_spare1", "st_spare2", "st_spare3", "st_spare4", "st_spare5", "st_spare6",
)  # fmt: skip


class _StatNs(ctypes.Structure):
    _fields_ = tuple((name, c_int64) for name in _STAT_FIELDS)


class _Xattr(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("length", c_uint32), ("value", POINTER(c_char)))


class _XattrList(ctypes.Structure):
    _fields_ = (("length", c_uint32), ("items", POINTER(_Xattr)))


def quiet(handle: _Handle) -> None:
    """This thread's errors are raised and not printed, too: the bindings say so for the thread that made the handle."""
    with suppress(AttributeError, ValueError, OSError):  # of a handle that is none of the library's
        _library().guestfs_set_error_handler(_pointer(handle), None, None)


def names(handle: _Handle, directory: bytes) -> tuple[bytes, ...]:
    """guestfs_ls. Raises OSError as all functions here do."""
    found = _library().guestfs_ls(_pointer(handle), directory)
    _check(handle, found)
    try:
        return tuple(_strings(found))
    finally:
        for at in _addresses(found):
            _libc().free(c_void_p(at))
        _libc().free(c_void_p(found))


def lstat(handle: _Handle, path: bytes) -> dict[str, int]:
    """guestfs_lstatns, as the bindings' dictionary."""
    found = _library().guestfs_lstatns(_pointer(handle), path)
    _check(handle, found)
    try:
        told = ctypes.cast(found, POINTER(_StatNs)).contents
        return {name: int(getattr(told, name)) for name in _STAT_FIELDS}
    finally:
        _library().guestfs_free_statns(c_void_p(found))


def readlink(handle: _Handle, path: bytes) -> bytes:
    """guestfs_readlink."""
    found = _library().guestfs_readlink(_pointer(handle), path)
    _check(handle, found)
    try:
        return ctypes.string_at(found)
    finally:
        _libc().free(c_void_p(found))


def xattrs(handle: _Handle, path: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """guestfs_lgetxattrs."""
    found = _library().guestfs_lgetxattrs(_pointer(handle), path)
    _check(handle, found)
    try:
        told = ctypes.cast(found, POINTER(_XattrList)).contents
        items = (told.items[index] for index in range(told.length))
        return tuple((item.name, ctypes.string_at(item.value, item.length)) for item in items)
    finally:
        _library().guestfs_free_xattr_list(c_void_p(found))


def pread(handle: _Handle, path: bytes, count: int, offset: int) -> bytes:
    """guestfs_pread: at most `count` bytes."""
    length = c_size_t()
    found = _library().guestfs_pread(_pointer(handle), path, c_int(count), c_int64(offset), byref(length))
    _check(handle, found)
    try:
        return ctypes.string_at(found, length.value)
    finally:
        _libc().free(c_void_p(found))


def _strings(array: int) -> Iterator[bytes]:
    for at in _addresses(array):
        yield ctypes.string_at(at)


def _addresses(array: int) -> Iterator[int]:
    items = ctypes.cast(array, POINTER(c_void_p))
    index = 0
    while (at := items[index]) is not None:
        yield at
        index += 1


def _check(handle: _Handle, found: int | None) -> None:
    if not found:
        number = int(_library().guestfs_last_errno(_pointer(handle))) or errno.EIO
        raise OSError(number, os.strerror(number))


def _pointer(handle: _Handle) -> c_void_p:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = c_void_p, (ctypes.py_object, c_char_p)
    return c_void_p(get(handle._o, b"guestfs_h"))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libguestfs.so.0")
    for name in ("ls", "lstatns", "readlink", "lgetxattrs", "pread"):
        getattr(library, f"guestfs_{name}").restype = c_void_p
    return library
