"""Programs and libraries that are not as they were shipped, or were cut off."""

from __future__ import annotations

from hashlib import md5

import pytest

from rescue.formats.program_files import cut_off
from rescue.tree import file
from tests.judging import Changes, gaps_of
from tests.pam_files import MODULES, with_pam
from tests.trees import PROGRAM

pytestmark = pytest.mark.unit


def sums(**files: bytes) -> str:
    """A list as dpkg keeps it; "__" stands for a slash and "_" for a hyphen or the like in no name here."""
    lines = (
        f"{md5(data, usedforsecurity=False).hexdigest()}  {path.replace('__', '/')}" for path, data in files.items()
    )
    return "\n".join(lines) + "\n"


def shipped(sshd: bytes = PROGRAM, bash: bytes = b"ELF") -> Changes:
    return {
        "/var/lib/dpkg/info/openssh-server.md5sums": sums(usr__sbin__sshd=sshd),
        "/var/lib/dpkg/info/bash.md5sums": sums(bin__bash=bash),
    }


def test_as_shipped_is_silent() -> None:
    assert gaps_of(shipped()) == []


def test_an_altered_server_and_shell_are_told() -> None:
    assert gaps_of(shipped(sshd=b"other")) == [("service", "program-content")]
    # This shell is no program of which libraries could be asked, and is looked at all the same.
    elf = {**shipped(bash=b"other"), "/usr/bin/bash": file(PROGRAM, 0o755)}
    assert gaps_of(elf) == [("session", "program-content")]


def test_an_altered_module_of_pam() -> None:
    files = {
        **with_pam(),
        "/var/lib/dpkg/info/libpam-modules:amd64.md5sums": f"{'0' * 32}  lib/x86_64-linux-gnu/security/pam_permit.so\n",
    }
    assert f"{MODULES}/pam_permit.so" in files
    assert gaps_of(files) == [("account", "program-content")]


def test_what_the_loader_takes_first() -> None:
    told = gaps_of({"/etc/ld.so.preload": "/usr/local/lib/x.so\n"})
    assert told == [("service", "program-content"), ("session", "program-content")]


def test_a_program_that_was_cut_off() -> None:
    whole = bytearray(PROGRAM + bytes(200))
    whole[40:48] = (200).to_bytes(8, "little")
    whole[58:60], whole[60:62] = (64).to_bytes(2, "little"), (1).to_bytes(2, "little")
    assert not cut_off(bytes(whole[:264]))
    assert cut_off(bytes(whole[:263]))
    assert gaps_of({"/usr/sbin/sshd": file(bytes(whole[:100]), 0o755)}) == [("service", "program-content")]
