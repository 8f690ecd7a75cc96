"""What the real libpam says of many services: run as a program, by any Python that has a libpam beside it.

Reads a JSON list of cases from standard input, each a mapping of file names to texts, with the service "svc"; prints a
JSON list of answers, each a mapping of the facility to PAM's number (200 where pam_start itself fails, below 0 where
libpam dies). It imports nothing of this project, so that it runs in another root.
"""

import ctypes
import json
import os
import sys
from pathlib import Path

SERVICE, USER = b"svc", b"nobody"
SILENT = 0x8000
NOT_STARTED = 200
FOLDER = Path("/etc/pam.d")
"""An empty file system of its own, which nobody else sees: includes are looked up nowhere else."""


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("code", ctypes.c_int)]


TALK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    _fields_ = [("talk", TALK), ("data", ctypes.c_void_p)]


libc = ctypes.CDLL("libc.so.6")
libc.calloc.restype = ctypes.c_void_p


@TALK
def talk(count, messages, responses, data):  # type: ignore[no-untyped-def]
    """Hear everything, and answer nothing."""
    made = libc.calloc(count, ctypes.sizeof(Response))
    responses[0] = ctypes.cast(made, ctypes.POINTER(Response))
    return 0


def main() -> None:
    """Answer every case."""
    libpam = ctypes.CDLL("libpam.so.0")
    conversation = Conversation(talk, None)
    calls = {
        "auth": libpam.pam_authenticate,
        "account": libpam.pam_acct_mgmt,
        "session": libpam.pam_open_session,
        "password": libpam.pam_chauthtok,
    }
    answers = []
    for case in json.load(sys.stdin):
        for old in FOLDER.iterdir():
            old.unlink()
        for name, text in case.items():
            (FOLDER / name).write_bytes(text.encode("utf-8", "surrogateescape"))
        answers.append({facility: asked(libpam, call, conversation) for facility, call in calls.items()})  # type: ignore[no-untyped-call]
    json.dump(answers, sys.stdout)


def asked(libpam, call, conversation):  # type: ignore[no-untyped-def]
    """One answer, from a process of its own: libpam itself may die of a file."""
    child = os.fork()
    if not child:
        handle = ctypes.c_void_p()
        started = libpam.pam_start(SERVICE, USER, ctypes.byref(conversation), ctypes.byref(handle))
        os._exit(call(handle, SILENT) if started == 0 else NOT_STARTED)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
