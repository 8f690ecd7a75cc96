"""What is timed of the SSH server's configuration: pure work on literal snapshots, no disk and no process."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import PurePosixPath

from rescue.checks import all_checks
from rescue.examine import examine
from rescue.formats.packages import OpenSSH
from rescue.model import Client, Step
from rescue.sshd import Server
from rescue.tree import Entry, Tree, directory, file

CONNECTIONS, LINES, BLOCKS, ACCOUNTS = 1_000, 2_000, 200, 500

STEPS = (Step.SERVICE, Step.LISTEN, Step.ACCEPT, Step.ACCOUNT, Step.KEY, Step.SESSION)
"""Those of the SSH server, accounts and keys."""

BUILD = OpenSSH(9, 2, "debian", "1:9.2p1-2")


def configuration() -> str:
    """A configuration of so many lines and Match blocks, each block for one user from one net."""
    each = LINES // BLOCKS - 1
    words = ("X11Forwarding yes", "PermitTTY no", "MaxSessions 3", "AllowTcpForwarding local", "Banner /etc/issue")
    lines = []
    for number in range(BLOCKS):
        lines.append(f"Match User user{number} Address 10.{number}.0.0/16,192.0.2.{number}")
        lines += [f"    {words[at % len(words)]}" for at in range(each)]
    return "\n".join(lines) + "\n"


def connections() -> Callable[[], object]:
    """The settings of a thousand connections, the files read anew."""
    tree = Tree.of({"/etc/ssh/sshd_config": configuration()})

    def work() -> object:
        server = Server(tree, BUILD)
        return [
            server.effective(
                user=f"user{number % BLOCKS}",
                groups=frozenset({"users"}),
                address=ip_address(f"10.{number % 256}.{number // 256}.7"),
                local_port=22,
            ).words("MaxSessions")
            for number in range(CONNECTIONS)
        ]

    return work


def checks(tree: Tree) -> Callable[[], object]:
    """Every check of the server, its accounts and their keys, on `tree` with so many accounts more."""
    crowded = with_accounts(tree)
    chosen = tuple(check for check in all_checks() if check.step in STEPS)
    return lambda: examine(crowded, Client(), chosen)


def with_accounts(tree: Tree) -> Tree:
    """The tree with people who log in with a key each."""
    passwd, shadow = (tree.text(path) or "" for path in ("/etc/passwd", "/etc/shadow"))
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7Yc0gD1gYPvX5b3b2jP7mMZyoNqmOP1cFzO3jJw8cA {}@laptop\n"
    made: dict[str, Entry | None] = {}
    for number in range(ACCOUNTS):
        name, uid = f"person{number}", 20_000 + number
        home = f"/home/{name}"
        passwd += f"{name}:x:{uid}:{uid}::{home}:/bin/bash\n"
        shadow += f"{name}:!:19700:0:99999:7:::\n"
        made[home], made[f"{home}/.ssh"] = directory(0o755, uid, uid), directory(0o700, uid, uid)
        made[f"{home}/.ssh/authorized_keys"] = file(key.format(name), 0o600, uid, uid)
    # A whole bundle: what is not in it does not exist.
    every = {str(path): entry for path in tree.paths() if (entry := tree.lentry(path)) is not None}
    tree = Tree.of({**every, **{path: entry for path, entry in made.items() if entry is not None}}, tree.filesystems)
    return tree.write(PurePosixPath("/etc/passwd"), passwd).write(PurePosixPath("/etc/shadow"), shadow)
