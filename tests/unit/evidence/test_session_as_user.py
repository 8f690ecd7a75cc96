"""What the system's services, which are not root, can't use."""

from __future__ import annotations

import pytest

from rescue.tree import directory, file
from tests.judging import Changes, gaps_of
from tests.programs import LOADER, cache, elf

pytestmark = pytest.mark.unit

LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
LINKED: Changes = {
    "/usr/sbin/sshd": file(elf("libc.so.6", interpreter=LOADER), 0o755),
    LOADER: file(b"x", 0o755),
    LIBC: elf(),
    "/etc/ld.so.cache": file(cache(LIBC)),
}


@pytest.mark.parametrize("path", ["/", "/usr", "/usr/lib", "/usr/lib/x86_64-linux-gnu"])
def test_a_directory_that_every_program_needs(path: str) -> None:
    told = gaps_of({**LINKED, path: directory(0o700)})
    assert {("boot", "session-as-user"), ("network", "session-as-user")} <= set(told)


@pytest.mark.parametrize("path", ["/usr/sbin", "/usr/sbin/sshd"])
def test_the_server_itself_is_roots(path: str) -> None:
    closed = directory(0o700) if path == "/usr/sbin" else file(elf("libc.so.6", interpreter=LOADER), 0o700)
    assert "session-as-user" not in {check for _, check in gaps_of({**LINKED, path: closed})}


@pytest.mark.parametrize(("mode", "told"), [(0o755, False), (0o700, True)])
def test_the_programs_that_a_user_needs(mode: int, told: bool) -> None:
    assert (("session", "session-as-user") in gaps_of({"/usr/bin/ls": file("ELF", mode)})) is told
