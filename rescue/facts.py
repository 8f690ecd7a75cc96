"""What is true of a tree, each fact computed once.

`Facts` is the only thing that a check sees. It joins the rooms below (formats, sshd, firewall) and holds no rule of
its own about them; what a fact means for a login is the checks' business.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rescue.accounts.database import Account, Accounts
from rescue.accounts.permissions import Person
from rescue.boot.commands import boot_commands
from rescue.cached_fact import fact
from rescue.firewall import Active, AddressSet, Firewall, Reach, loaded_at_boot, reached
from rescue.formats.os_release import Release, read_release
from rescue.formats.packages import PACKAGE_READS, OpenSSH, nft_version, openssh_version
from rescue.formats.shipped import Shipped
from rescue.keys.authorized_keys import KeyFile, key_files
from rescue.model import Client
from rescue.network import given_addresses
from rescue.services.units import UNIT_READS, Units
from rescue.sshd import Effective, Listener, Server, listeners, options
from rescue.tree import Read, Tree, Unread

SSH_PORT = 22
UNRELATED_PORT = 9
"""A port that no firewall has a reason to let in (discard, RFC 863): where it is open, everything is."""

MOST_LOOKED_AT, MOST_JUDGED = 1000, 50
"""Accounts whose keys are looked for, and that are judged, where the client names none: a person who is one of more
has to say which."""

READS = (
    *(Read(path, depth=0) for path in ("/etc/hostname", "/etc/os-release", "/usr/lib/os-release")),
    *PACKAGE_READS,
    *UNIT_READS,
)
"""What the facts themselves look at, beside what the checks declare: which sshd is there, and how it is started."""


class Facts:
    """The facts of one tree for one client. Cheap to make; each property is computed when first asked for."""

    def __init__(self, tree: Tree, client: Client | None = None) -> None:
        self.tree = tree
        self.client = client or Client()

    @property
    def now(self) -> datetime:
        """The time at which the client wants in. Nothing here looks at a clock."""
        return self.client.now

    @fact
    def release(self) -> Release:
        """The distribution and its version, from os-release(5)."""
        return read_release(self.tree)

    @fact
    def openssh(self) -> OpenSSH | None:
        """The installed OpenSSH server's version, from the package database; None if it can't be told."""
        return openssh_version(self.tree)

    @fact
    def shipped(self) -> Shipped:
        """Whether files are as their packages shipped them, by dpkg's lists."""
        return Shipped(self.tree)

    @fact
    def units(self) -> Units:
        """systemd's units: present, masked, started at boot."""
        return Units(self.tree)

    @fact
    def accounts(self) -> Accounts:
        """passwd(5), shadow(5) and group(5)."""
        return Accounts(self.tree)

    @fact
    def sshd(self) -> Server:
        """sshd's configuration, parsed with its includes and options; it may have problems that stop sshd."""
        return Server(self.tree, self.openssh, options(self.tree, self.units))

    @fact
    def listeners(self) -> tuple[Listener, ...]:
        """Where sshd will listen after the next boot, if it starts; () if its configuration stops it."""
        return listeners(self.tree, self.sshd, self.units)

    @fact
    def listening_ports(self) -> tuple[int, ...]:
        """The TCP ports of `listeners`, sorted."""
        return tuple(sorted({each.port for each in self.listeners}))

    @fact
    def firewalls(self) -> tuple[Firewall, ...]:
        """Every packet filter that is loaded at boot and can be judged."""
        return self.at_boot.firewalls

    @fact
    def at_boot(self) -> Active:
        """The same, with the commands of a person's own scripts that load something which can't be read."""
        # Asked for again, the same firewalls are given, not others like them: answers about them are kept, too.
        nft, own = nft_version(self.tree), self._own
        active = self.tree.kept(
            (loaded_at_boot, nft),
            lambda: loaded_at_boot(self.tree, self.units, boot_commands(self.tree, self.units), nft),
        )
        return self.tree.kept(
            (loaded_at_boot, nft, *own.items()),
            lambda: active._replace(firewalls=tuple(replace(each, own=own) for each in active.firewalls)),
        )

    @property
    def _own(self) -> dict[int, AddressSet]:
        """The server's own addresses of each IP version of which its network's files tell them all."""
        return {version: AddressSet.of(*found) for version, found in given_addresses(self.tree, self.units).items()}

    def reach(self, port: int, version: int = 4) -> Reach:
        """Which sources may open a TCP connection to `port` over IPv4 or IPv6 (`version`), and which rules decide."""
        return reached(self.tree, self.firewalls, port, version)

    @fact
    def dialled(self) -> int:
        """The TCP port that the client dials.

        Told by the client, else 22 where sshd listens there or nowhere, or where that can't be read. Where sshd only
        listens elsewhere, a firewall decides: one that lets every port in alike says nothing, and 22 is what `ssh`
        connects to; any other was made by somebody who knows of the new port, or forgot it, which is a finding of its
        own.
        """
        if self.client.port is not None:
            return self.client.port
        try:
            ports = self.listening_ports
        except Unread:
            return SSH_PORT
        if not ports or SSH_PORT in ports:
            return SSH_PORT
        return SSH_PORT if self.reach(ports[0]).open and self.reach(UNRELATED_PORT).open else ports[0]

    @fact
    def arrives(self) -> int:
        """The TCP port of the server at which the client's connections arrive: the dialled one, or where a rule of the
        firewall sends them on to (REDIRECT).
        """
        sources = self.client.sources
        version = sources[0].version if sources else 4
        return self.reach(self.dialled, version).port_for(sources[:1])

    def effective(self, account: Account) -> Effective:
        """sshd's settings for a login of `account` from the client's first source, to the dialled port."""
        source = self.client.sources[0] if self.client.sources else None
        return self.sshd.effective(
            user=account.name,
            groups=self.accounts.groups_of(account),
            address=source,
            local_port=self.dialled,
        )

    def key_files(self, account: Account) -> tuple[KeyFile, ...]:
        """The account's authorized_keys files as sshd names them, with the lines that count."""
        if account.name not in self._key_files:
            patterns = self.effective(account).words("AuthorizedKeysFile")
            self._key_files[account.name] = key_files(self.tree, account, patterns)
        return self._key_files[account.name]

    @fact
    def _key_files(self) -> dict[str, tuple[KeyFile, ...]]:
        return {}

    def person(self, account: Account) -> Person:
        """The account as the kernel sees who asks for a file: its uid and all its groups."""
        return Person(account.uid, self.accounts.gids_of(account))

    def _has_keys(self, account: Account) -> bool:
        """Whether a key of the account's is known; not where that could not be read."""
        try:
            return any(found.keys for found in self.key_files(account))
        except Unread:
            return False

    @fact
    def logins(self) -> tuple[Account, ...]:
        """The accounts to be judged: the client's user, else root and every account that was set up for a login.

        Set up means a login shell and at least one authorized key; where nobody is, root and the people's accounts
        (uid 1000 and above) with a login shell. Empty if the client's user does not exist. Of a crowd the first
        `MOST_JUDGED` stand for all.
        """
        accounts = self.accounts
        if self.client.user is not None:
            account = accounts.get(self.client.user)
            return (account,) if account else ()
        shells = [each for each in accounts.users if each.has_login_shell][:MOST_LOOKED_AT]
        # One request for all homes: asking for them one by one would capture them one by one.
        self.tree.require(
            *(Read(each.home, depth=0) for each in shells if each.home.startswith("/")),
            *(Read(f"{each.home}/.ssh", depth=1) for each in shells if each.home.startswith("/") and each.home != "/"),
        )
        with_keys = [each for each in shells if self._has_keys(each)]
        if with_keys:
            return tuple(with_keys[:MOST_JUDGED])
        people = [each for each in shells if each.uid == 0 or each.uid >= 1000]
        return tuple(people[:MOST_JUDGED])
