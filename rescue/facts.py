"""What is true of a tree, each fact computed once.

`Facts` is the only thing that a check sees. It joins the rooms below (formats, sshd, firewall) and adds no rules of
its own; what a fact means for a login is for the checks to decide.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from rescue.accounts.database import Account, Accounts
from rescue.accounts.permissions import Person
from rescue.boot.commands import boot_commands
from rescue.cached_fact import fact
from rescue.firewall import Active, AddressSet, Firewall, Reach, loaded_at_boot, reached
from rescue.formats.hostname import HOSTNAME_READ, read_hostname
from rescue.formats.os_release import OS_RELEASE, Release, read_release
from rescue.formats.packages import PACKAGE_READS, OpenSSH, nft_version, openssh_version
from rescue.formats.shipped import Shipped
from rescue.keys.authorized_keys import KeyFile, key_files
from rescue.logs.console import of_console
from rescue.logs.last_boot import LastBoot, last_boot
from rescue.logs.last_login import LastLogin, last_login
from rescue.logs.remembered import Remembered, remembered
from rescue.logs.timeline import Row, timeline
from rescue.model import Client
from rescue.network import given_addresses
from rescue.network.sysctl import number, sysctl_lines, value_of
from rescue.services.units import UNIT_READS, Units
from rescue.sshd import Effective, Listener, Server, listeners, options
from rescue.sshd.listen import started_socket
from rescue.tree import Read, ReadError, Tree

SSH_PORT = 22
BIND_IPV6_ONLY = "net.ipv6.bindv6only"
UNRELATED_PORT = 9
"""A port that no firewall has a reason to open (discard, RFC 863): if it is open, every port is."""

MOST_LOOKED_AT, MOST_JUDGED = 1000, 50
"""Accounts to judge and to read keys for if the client names none; on a server with more, name the account."""

READS = (HOSTNAME_READ, *(Read(path, depth=0) for path in OS_RELEASE), *PACKAGE_READS, *UNIT_READS)
"""What the facts read in addition to what the checks declare: which sshd is there, and how it is started."""


class Facts:
    """The facts of one tree for one client. Cheap to make; each property is computed on first use."""

    def __init__(self, tree: Tree, client: Client | None = None) -> None:
        self.tree = tree
        self.client = client or Client()

    @property
    def now(self) -> datetime:
        """The time of the login. Nothing here reads a clock."""
        return self.client.now

    @fact
    def hostname(self) -> str:
        """The server's own name, from hostname(5); "" where it has none, or that was not captured or can't be read."""
        return read_hostname(self.tree)

    @fact
    def release(self) -> Release:
        """The distribution and its version, from os-release(5)."""
        return read_release(self.tree)

    @fact
    def openssh(self) -> OpenSSH | None:
        """The installed OpenSSH server's version, from the package database; None if unknown."""
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
        only = False
        if started_socket(self.units) is not None:
            only = number(value_of(sysctl_lines(self.tree, self.units), BIND_IPV6_ONLY)) == 1
        return listeners(self.tree, self.sshd, self.units, only=only)

    @fact
    def listening_ports(self) -> tuple[int, ...]:
        """The TCP ports of `listeners`, sorted."""
        return tuple(sorted({each.port for each in self.listeners}))

    @fact
    def firewalls(self) -> tuple[Firewall, ...]:
        """Every packet filter that is loaded at boot and can be evaluated."""
        return self.at_boot.firewalls

    @fact
    def chains(self) -> frozenset[str]:
        """The names of all chains in `firewalls`."""
        rulesets = [ruleset for firewall in self.firewalls for ruleset in firewall.rulesets.values()]
        return frozenset(chain for each in rulesets for table in each.tables.values() for chain in table.chains)

    @fact
    def at_boot(self) -> Active:
        """The same, with the commands of local scripts that load something unreadable."""
        # Return the same firewall objects each time: answers about them are cached, too.
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
        """The server's own addresses, for each IP version for which its network files list them all."""
        return {version: AddressSet.of(*found) for version, found in given_addresses(self.tree, self.units).items()}

    def reach(self, port: int, version: int = 4) -> Reach:
        """Which sources may open a TCP connection to `port` over IPv4 or IPv6 (`version`), and which rules decide."""
        return reached(self.tree, self.firewalls, port, version)

    @fact
    def dialled(self) -> int:
        """The TCP port that the client connects to.

        The client's own, else 22 if sshd listens there or nowhere, or if that can't be read. If sshd only listens
        elsewhere, the firewall decides: one that treats all ports alike says nothing, so 22 is assumed, as `ssh` does;
        with any other, its author either knew of the new port or forgot it, which is a finding of its own.
        """
        if self.client.port is not None:
            return self.client.port
        try:
            ports = self.listening_ports
        except ReadError:
            return SSH_PORT
        if not ports or SSH_PORT in ports:
            return SSH_PORT
        return SSH_PORT if self.reach(ports[0]).open and self.reach(UNRELATED_PORT).open else ports[0]

    @fact
    def arrives(self) -> int:
        """The TCP port at which the client's connections arrive: the one it connects to, or the one to which a firewall
        rule redirects it (REDIRECT).
        """
        sources = self.client.sources
        version = sources[0].version if sources else 4
        return self.reach(self.dialled, version).port_for(sources[:1])

    def effective(self, account: Account) -> Effective:
        """sshd's settings for a login of `account` from the client's first source, to the client's port."""
        source = self.client.sources[0] if self.client.sources else None
        return self.sshd.effective(
            user=account.name,
            groups=self.accounts.groups_of(account),
            address=source,
            local_port=self.dialled,
        )

    def key_files(self, account: Account) -> tuple[KeyFile, ...]:
        """The account's authorized_keys files as sshd names them, with their lines."""
        if account.name not in self._key_files:
            patterns = self.effective(account).words("AuthorizedKeysFile")
            self._key_files[account.name] = key_files(self.tree, account, patterns)
        return self._key_files[account.name]

    @fact
    def _key_files(self) -> dict[str, tuple[KeyFile, ...]]:
        return {}

    def person(self, account: Account) -> Person:
        """The account as the kernel sees it when it opens a file: its uid and all its groups."""
        return Person(account.uid, self.accounts.gids_of(account))

    def _has_keys(self, account: Account) -> bool:
        """Whether a key of the account is known; false if the files could not be read."""
        try:
            return any(found.keys for found in self.key_files(account))
        except ReadError:
            return False

    @fact
    def remembered(self) -> Remembered:
        """What the server's logs tell of its last login and its last boot; nothing where they can't be read."""
        day = self.now.date()
        try:
            return self.tree.kept((remembered, day), lambda: remembered(self.tree, self.now, whole=False))
        except ReadError as problem:
            return Remembered(unread=(str(problem),))

    @fact
    def last_boot(self) -> LastBoot | None:
        """The last boot as the client's saved console, else the server's logs, tell of it; None if nothing does.

        What it does not tell may have happened all the same: logs are lost, cut, and not written before a disk is.
        """
        if self.client.console:
            return of_console(self.client.console, PurePosixPath("console"))
        return last_boot(self.remembered.events, self.remembered.newest_boot)

    @fact
    def last_login(self) -> LastLogin | None:
        """The last login over SSH that the server's logs tell of; None if they tell of none.

        One that lies in the future, by a day, was written by a clock that was wrong, and does not count.
        """
        try:
            uids = {account.uid: account.name for account in self.accounts.users[:MOST_LOOKED_AT]}
        except ReadError:
            uids = {}
        try:
            return last_login(self.tree, self.remembered.events, uids, self.now + timedelta(days=1))
        except ReadError:
            return None

    @fact
    def since_last_login(self) -> tuple[Row, ...]:
        """What happened since the last login, as far as the logs that `remembered` reads tell; () without a login."""
        last = self.last_login
        if last is None:
            return ()
        try:
            return timeline(self.tree, self.remembered.events, last, self.dialled)
        except ReadError:
            return ()

    @fact
    def logins(self) -> tuple[Account, ...]:
        """The accounts to judge: the client's user, else root and every account that is set up for a login.

        Set up means a login shell and at least one authorized key; if there is none, root and all accounts with uid
        1000 or above and a login shell. Empty if the client's user does not exist. At most the first `MOST_JUDGED`.
        """
        accounts = self.accounts
        if self.client.user is not None:
            account = accounts.get(self.client.user)
            return (account,) if account else ()
        shells = [each for each in accounts.users if each.has_login_shell][:MOST_LOOKED_AT]
        # Request all homes at once: otherwise they would be captured one by one.
        self.tree.require(
            *(Read(each.home, depth=0) for each in shells if each.home.startswith("/")),
            *(Read(f"{each.home}/.ssh", depth=1) for each in shells if each.home.startswith("/") and each.home != "/"),
        )
        with_keys = [each for each in shells if self._has_keys(each)]
        if with_keys:
            return tuple(with_keys[:MOST_JUDGED])
        people = [each for each in shells if each.uid == 0 or each.uid >= 1000]
        return tuple(people[:MOST_JUDGED])
