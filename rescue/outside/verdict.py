"""What the observations mean: what it is, what it can be, what it can't be any more. Pure.

A situation is what can be told from outside. Several causes look alike from there; `possible` holds all of them, the
likelier first, by the same ids as ``rescue explain`` has, so that an inspection of the disk can go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from shlex import join

from rescue.checks import Check, all_checks
from rescue.model import Step
from rescue.outside.observed import AddressSeen, Answer, Dial, Ended, Handshake, Observed, Ping, Reached, Said
from rescue.outside.symptoms import SEEN, causes_of


class Situation(StrEnum):
    """What can be told from outside; the value is its id in documents."""

    NO_NAME = "no-name"
    NO_NAME_SERVICE = "no-name-service"
    NO_ROUTE = "no-route"
    FORBIDDEN = "forbidden-here"
    LOCAL = "local-error"
    REFUSED = "refused"
    REFUSED_UNKNOWN = "refused-unknown"
    REJECTED = "rejected"
    FILTERED = "filtered-on-the-way"
    HOST_UNREACHABLE = "host-unreachable"
    NETWORK_UNREACHABLE = "network-unreachable"
    NO_NEIGHBOUR = "no-neighbour"
    DROPPED = "dropped"
    SILENT = "silent"
    NO_GREETING = "no-greeting"
    CLOSED = "closed"
    TOO_MANY = "too-many"
    PENALTY = "penalty"
    WEB = "web-server"
    OTHER_PROGRAM = "other-program"
    STALLED = "stalled"
    MTU = "mtu"
    NO_COMMON = "no-common-algorithm"
    CLOSED_IN_EXCHANGE = "closed-in-exchange"
    UNBOUNDED = "unbounded"
    HOST_KEY = "host-key"
    ASKS = "asks"
    LETS_IN = "lets-in"
    NOT_TRIED = "greets"

    @property
    def open(self) -> bool:
        """Whether the server asks for a login, or greets where there is no ssh here to go on with."""
        return self in (Situation.ASKS, Situation.LETS_IN, Situation.NOT_TRIED)

    @property
    def here(self) -> bool:
        """Whether it is about this computer or its network: nothing was learnt of the server."""
        return self in (
            Situation.NO_NAME, Situation.NO_NAME_SERVICE, Situation.NO_ROUTE, Situation.FORBIDDEN, Situation.LOCAL
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Possibility:
    """Something that it can be. commands: what to type next, for a shell. causes: ids of `rescue explain`."""

    what: str
    commands: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """situation, and in words what it is. possible: the likeliest first. excluded: what it can't be any more.
    notes: what else was seen and matters. address: the one that is judged, "" for none."""

    situation: Situation
    what: str
    possible: tuple[Possibility, ...]
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    address: str = ""
    warning: bool = False
    """The server asks for a login, and something is still wrong: a host key, an address that fails."""

    @property
    def causes(self) -> tuple[str, ...]:
        """All causes that it can be, the likelier first."""
        return tuple(dict.fromkeys(each for one in self.possible for each in one.causes))


SHORT = 2.0
"""Seconds; a try that was given up earlier says nothing by its silence."""
DISK = "/dev/vda"
"""The server's disk in a provider's rescue system, for commands to propose."""
EARLIER_THAN_PING = 4
"""A reset that comes this many times faster than an echo was sent by something nearer than the server."""


def judge(seen: Observed) -> Verdict:
    """The verdict of one probe."""
    main = _main(seen.addresses)
    if main is None:
        return _unresolved(seen)
    situation = _situation(main, seen)
    made = _Words(seen, main).verdict(situation)
    warning = bool(made.notes) and situation.open and (_families(seen) or _disagrees(seen, main) or _flaky(main))
    return Verdict(made.situation, made.what, made.possible, made.excluded, made.notes, main.address, bool(warning))


def _main(addresses: tuple[AddressSeen, ...]) -> AddressSeen | None:
    """The address that ssh ends up with: the first one that is open, else the first."""
    opened = (each for each in addresses if any(one.answer is Answer.OPEN for one in each.tries))
    return next(opened, addresses[0] if addresses else None)


def _situation(main: AddressSeen, seen: Observed) -> Situation:
    answers = {each.answer for each in main.tries}
    if Answer.OPEN in answers:
        return _opened(main, seen)
    if Answer.RESET in answers:
        return Situation.REFUSED
    if Answer.REFUSED in answers:
        return Situation.REFUSED_UNKNOWN
    icmp = next((each.icmp for each in main.tries if each.icmp is not None), None)
    if icmp is not None:
        if main.source and _same(icmp.sender, main.source) and not _same(main.source, main.address):
            return Situation.FORBIDDEN
        if _same(icmp.sender, main.address):
            return Situation.REJECTED
        if icmp.by_filter or icmp.port:
            return Situation.FILTERED
        host = (icmp.version, icmp.type, icmp.code) in ((4, 3, 1), (6, 1, 3))
        return Situation.HOST_UNREACHABLE if host else Situation.NETWORK_UNREACHABLE
    for answer, situation in (
        (Answer.NEIGHBOUR, Situation.NO_NEIGHBOUR),
        (Answer.FORBIDDEN, Situation.FORBIDDEN),
        (Answer.NO_ROUTE, Situation.NO_ROUTE),
        (Answer.FAILED, Situation.LOCAL),
    ):
        if answer in answers:
            return situation
    return Situation.DROPPED if _alive(main) else Situation.SILENT


def _opened(main: AddressSeen, seen: Observed) -> Situation:
    said = main.greeting.said if main.greeting is not None else Said.NOTHING
    if said is not Said.SSH:
        return {
            Said.NOTHING: Situation.NO_GREETING,
            Said.CLOSED: Situation.CLOSED,
            Said.RESET: Situation.CLOSED,
            Said.TOO_MANY: Situation.TOO_MANY,
            Said.PENALTY: Situation.PENALTY,
            Said.HTTP: Situation.WEB,
            Said.TLS: Situation.WEB,
            Said.OTHER: Situation.OTHER_PROGRAM,
        }[said]
    hand = main.handshake
    if hand.reached in (Reached.NOT_TRIED, Reached.NO_SSH):
        return Situation.NOT_TRIED
    if hand.ended is Ended.NO_COMMON:
        return Situation.NO_COMMON
    if _disagrees(seen, main):
        return Situation.HOST_KEY
    if hand.reached is Reached.LET_IN:
        return Situation.LETS_IN
    if hand.reached is Reached.METHODS:
        return Situation.ASKS
    if hand.ended is Ended.TOO_LONG:
        return Situation.UNBOUNDED
    if hand.ended is Ended.HUNG:
        return Situation.MTU if hand.small else Situation.STALLED
    return Situation.CLOSED_IN_EXCHANGE


def _same(one: str, other: str) -> bool:
    return one.partition("%")[0] == other.partition("%")[0]


def _alive(main: AddressSeen) -> bool:
    """Whether anything came back from the server itself."""
    return main.ping is Ping.ANSWERED or any(
        each.answer in (Answer.OPEN, Answer.RESET, Answer.REFUSED)
        or (each.icmp is not None and _same(each.icmp.sender, main.address))
        for each in main.others
    )


def _flaky(main: AddressSeen) -> bool:
    # The first try is a short one: what it did not wait for is no difference.
    return len({each.answer for each in main.tries if each.answer is not Answer.SILENT or each.seconds > SHORT}) > 1


def _disagrees(seen: Observed, main: AddressSeen) -> bool:
    """Whether known_hosts has another key of the same type, and not this one."""
    shown = main.handshake.host_key
    kinds = {each.partition(" ")[0] for each in seen.client.known}
    return bool(shown) and shown not in seen.client.known and shown.partition(" ")[0] in kinds


def _families(seen: Observed) -> bool:
    """Whether some addresses are open and others are not."""
    return len({any(one.answer is Answer.OPEN for one in each.tries) for each in seen.addresses}) > 1


def _unresolved(seen: Observed) -> Verdict:
    found, name = seen.lookup, seen.client.hostname or seen.host
    if found.temporary:
        return Verdict(
            Situation.NO_NAME_SERVICE,
            f"This computer's name servers give no answer about {name}: nothing has reached the server.",
            (
                Possibility("your own network is down, or its name server is", ("ping -c 3 1.1.1.1",)),
                Possibility("use the server's address in place of its name: the provider's panel shows it",
                            ("rescue probe ADDRESS",)),
            ),
        )  # fmt: skip
    other = (Possibility("it has addresses of the other IP version only: leave -4 or -6 away"),)
    return Verdict(
        Situation.NO_NAME,
        f"The name {name} has no address ({found.problem or 'unknown'}): nothing has reached the server.",
        (
            *(other if found.wrong_family else ()),
            Possibility("the name is mistyped, or its DNS record is gone or not there yet", (join(["host", name]),)),
            Possibility("an alias that only another computer's ~/.ssh/config has", (join(["ssh", "-G", name]),)),
            Possibility("use the server's address in place of its name: the provider's panel shows it",
                        ("rescue probe ADDRESS",)),
        ),
    )  # fmt: skip


# -- causes ------------------------------------------------------------------------------------------------------------

_FIREWALL_FIRST = ("ufw-no-ssh-rule", "ufw-port-mismatch", "fw-policy-drop", "nft-drop", "firewalld-no-ssh")
_BANS = ("fail2ban-ban", "crowdsec-ban", "sshguard-ban", "csf-ban")
_NOT_RUNNING = ("sshd-config-error", "sshd-disabled", "sshd-masked", "sshd-not-installed", "hostkeys-missing")
_KEY_FIRST = ("key-missing", "strictmodes-perms", "sshd-allow-deny", "sshd-permitrootlogin", "password-login-off")


def causes_at(
    steps: Iterable[Step], symptom: str = "", first: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The causes at these steps whose manual says that one sees `symptom` ("" for any), those of `first` before."""
    checks: tuple[Check, ...] = all_checks()
    wanted = set(steps)
    kind = next((each for each in SEEN if each.title == symptom), None)
    found = [each.id for each in (causes_of(kind, checks) if kind else checks) if each.step in wanted]
    ids = {each.id for each in checks}
    return tuple(dict.fromkeys([each for each in (*first, *found) if each in ids and each not in without]))


# -- words -------------------------------------------------------------------------------------------------------------


class _Words:
    """The sentences for one situation."""

    def __init__(self, seen: Observed, main: AddressSeen) -> None:
        self.seen = seen
        self.main = main
        self.host = seen.host
        self.port = seen.client.port
        self.user = seen.client.user or "root"

    def verdict(self, situation: Situation) -> Verdict:
        what, possible, excluded = getattr(self, f"_{situation.name.lower()}")()
        return Verdict(situation, what, tuple(possible), tuple(excluded), tuple(self._notes(situation)))

    # What is typed next.

    def _ssh(self, *more: str) -> str:
        port = ("-p", str(self.port)) if self.port != 22 and "-p" not in more else ()
        return join(["ssh", *more, *port, f"{self.user}@{self.host}"])

    def _inspect(self) -> str:
        port = ("--port", str(self.port)) if self.port != 22 else ()
        return join(["rescue", "inspect", DISK, *port])

    def _console(self, cause: str) -> str:
        return f"rescue console {cause}"

    def _elsewhere(self) -> Possibility:
        """The way to rule out the own network."""
        return Possibility(
            f"the network that you sit in blocks port {self.port}: try from another one (your phone's hotspot), or"
            " probe a host that is surely open",
            (join(["rescue", "probe", self.host, "--reference", "github.com"]),),
        )

    def _other_port(self) -> list[Possibility]:
        """That SSH listens at another port, first where it was seen."""
        made = [
            Possibility(f"SSH answers at port {port}: {text}", (self._ssh("-p", str(port)),),
                        ("sshd-port-moved", "fw-redirect"))
            for port, text in self.main.moved
        ]  # fmt: skip
        tried = [str(each.port) for each in self.main.others if each.answer is not Answer.OPEN]
        told = f"; tried and closed: {', '.join(tried)}" if tried else ""
        if not made:
            made.append(
                Possibility(
                    f"SSH listens at another port than {self.port}{told}", (self._inspect(),),
                    causes_at((Step.LISTEN,), "Connection refused", ("sshd-port-moved",)),
                )
            )  # fmt: skip
        return made

    # What else was seen.

    def _notes(self, situation: Situation) -> list[str]:
        seen, main, made = self.seen, self.main, []
        opened = situation.open or any(each.answer is Answer.OPEN for each in main.tries)
        for each in seen.addresses:
            if each is not main:
                made.append(f"{each.address}: {in_words(each)}")
        if opened and _families(seen):
            family = "-4" if main.version == 4 else "-6"
            made.append(f"ssh tries the failing address, too, and may wait for it: ssh {family} does not")
        if seen.client.jump:
            made.append(
                f"your ssh goes through {seen.client.jump}; this probe went directly, so it may see another thing"
            )
        if _flaky(main):
            answers = ", ".join(str(each.answer) for each in main.tries)
            made.append(f"not always the same: {answers}: a limit on new connections, or packets are lost")
        slow = main.ping_seconds / EARLIER_THAN_PING
        resets = [each.seconds for each in main.tries if each.answer is Answer.RESET]
        if main.ping is Ping.ANSWERED and main.ping_seconds > 0.008 and resets and min(resets) < slow:
            made.append(
                f"the refusal came after {min(resets) * 1000:.1f} ms and an echo takes {main.ping_seconds * 1000:.0f}"
                " ms: something nearer than the server refused, such as a proxy or a firewall of your network"
            )
        if main.interface:
            made.append(f"your packets leave by {main.interface}, which looks like a VPN: try without it")
        if situation is Situation.ASKS and not seen.client.known and seen.client.hostname:
            made.append("known_hosts has no key of this server yet, so ssh will ask whether you trust it")
        return made + list(seen.client.troubles)

    # One for each situation.

    def _refused(self) -> tuple[str, list[Possibility], list[str]]:
        what = (
            f"Connection refused: {self.main.address} answers, so it is not down, and its TCP says that nothing is open"
            f" at port {self.port}."
        )
        possible = [
            *(self._other_port() if self.main.moved else ()),
            Possibility(
                "the SSH server does not run: after an update, a reboot, or with a fault in its settings",
                (self._console("sshd-config-error"), self._inspect()),
                causes_at((Step.SERVICE, Step.DISK), "Connection refused", _NOT_RUNNING),
            ),
            *(() if self.main.moved else self._other_port()),
            Possibility(
                "a firewall answers with a TCP reset (REJECT --reject-with tcp-reset), or a ban does",
                (self._console("ufw-no-ssh-rule"), self._inspect()),
                causes_at((Step.FIREWALL,), "Connection refused", (*_FIREWALL_FIRST, *_BANS)),
            ),
            Possibility(
                "the server waits in emergency mode, or still boots: look at the provider's console", (),
                causes_at((Step.BOOT,), "Connection refused"),
            ),
            Possibility(
                "a gateway in front of the server refuses in its name, or the address belongs to another machine now:"
                " compare it with the provider's panel",
                (join(["host", self.seen.client.hostname or self.host]),),
            ),
        ]  # fmt: skip
        excluded = [
            "nothing has this address any more, or its network is cut off: it was answered for",
            "a firewall that drops packets silently",
            "your key, your password, your account: the server was never asked",
        ]
        return what, possible, excluded

    def _refused_unknown(self) -> tuple[str, list[Possibility], list[str]]:
        _, possible, excluded = self._refused()
        what = (
            f"Connection refused: something at or before {self.main.address} answers and refuses port {self.port}."
            " This system does not say whether by TCP or by a firewall's ICMP."
        )
        return what, possible, ["nothing answers at all", *excluded[2:]]

    def _rejected(self) -> tuple[str, list[Possibility], list[str]]:
        icmp = next(each.icmp for each in self.main.tries if each.icmp is not None)
        word = "ssh says: Connection refused" if icmp.port else "ssh says: No route to host, or Network is unreachable"
        what = (
            f"A firewall rejects port {self.port}, in the server's own name: {self.main.address} sent ICMP"
            f' "{icmp.name}" ({word}). Whether sshd runs can\'t be seen.'
        )
        possible = [
            Possibility(
                "a REJECT rule or policy of ufw, firewalld, iptables or nftables",
                (self._console("ufw-no-ssh-rule"), self._inspect()),
                causes_at((Step.FIREWALL,), "Connection refused", (*_FIREWALL_FIRST, "fw-allowlist")),
            ),
            Possibility(
                "your address was banned, as fail2ban's default action rejects so: try from another network",
                (self._console("fail2ban-ban"), join(["rescue", "probe", self.host])),
                tuple(each for each in _BANS if each in causes_at((Step.FIREWALL,))),
            ),
            *self._other_port(),
            Possibility(
                "a firewall of the provider that answers in the server's name (on the host's bridge, or with NAT): look"
                " at its rules in the panel"
            ),
        ]
        excluded = [
            "a firewall that drops packets silently",
            "a closed port alone: TCP would have answered with a reset",
            "your key, your password, your account: the server was never asked",
        ]
        if self.main.others and all(each.icmp is not None for each in self.main.others):
            excluded.append("a rule about this port alone: the other ports that were tried are rejected, too")
        return what, possible, excluded

    def _filtered(self) -> tuple[str, list[Possibility], list[str]]:
        icmp = next(each.icmp for each in self.main.tries if each.icmp is not None)
        what = (
            f'A machine on the way, {icmp.sender}, rejects port {self.port} (ICMP "{icmp.name}"): the server was not'
            " reached."
        )
        possible = [
            Possibility("the provider's firewall or security group: look at its rules in the panel"),
            Possibility(
                "the server is a guest, or behind a gateway, whose firewall is not its own",
                (join(["traceroute", self.main.address.partition("%")[0]]),),
            ),
            self._elsewhere(),
        ]
        return what, possible, [
            "sshd, its port, your account or key: no packet of yours got there",
            "a firewall that drops packets silently",
        ]  # fmt: skip

    def _host_unreachable(self) -> tuple[str, list[Possibility], list[str]]:
        icmp = next(each.icmp for each in self.main.tries if each.icmp is not None)
        what = (
            f'The last router, {icmp.sender}, says "{icmp.name}": the machine with the address {self.main.address} does'
            " not answer it."
        )
        possible = [
            Possibility(
                "the server is off, hangs or did not boot: look at its state and its console in the provider's panel",
                (self._console("fstab-emergency"),), causes_at((Step.BOOT,), "No route to host"),
            ),
            Possibility(
                "it boots, and its network does not come up", (self._console("net-unconfigured"), self._inspect()),
                causes_at((Step.NETWORK, Step.SERVICE), "No route to host", ("net-unconfigured", "nic-renamed")),
            ),
            Possibility("the address is wrong, or not this server's any more: compare it with the panel"),
            Possibility(
                "the router's own firewall rejects with this message", (),
                causes_at((Step.FIREWALL,), "No route to host"),
            ),
        ]  # fmt: skip
        return what, possible, [
            "sshd, its port: no packet of yours got there",
            "your key, your password, your account: the server was never asked",
        ]  # fmt: skip

    def _network_unreachable(self) -> tuple[str, list[Possibility], list[str]]:
        icmp = next(each.icmp for each in self.main.tries if each.icmp is not None)
        what = f'A router, {icmp.sender}, knows no way to {self.main.address} (ICMP "{icmp.name}").'
        possible = [
            Possibility("the address is wrong, or was given back: compare it with the provider's panel"),
            Possibility("the provider's network has a fault, or null-routes the address: see its status page",
                        (join(["rescue", "ticket", self.host]),)),
            Possibility("your own provider has no way there (IPv6 above all)",
                        (join(["rescue", "probe", self.host, "-4"]),)),
        ]  # fmt: skip
        return what, possible, [
            "sshd, its port, the server's firewall, your account or key: no packet of yours got there"
        ]  # fmt: skip

    def _no_neighbour(self) -> tuple[str, list[Possibility], list[str]]:
        what = (
            f"No machine on your own network answers for {self.main.address} (ARP or neighbour discovery got no"
            " answer)."
        )
        possible = [
            Possibility(
                "the server is off, did not boot, or its network is not up", (self._console("net-unconfigured"),),
                causes_at((Step.BOOT, Step.NETWORK, Step.SERVICE), "No route to host"),
            ),
            Possibility("it has another address now (DHCP), or this one is mistyped"),
            Possibility("your own gateway does not answer: no other site works either", ("ping -c 3 1.1.1.1",)),
        ]  # fmt: skip
        return what, possible, [
            "the server's firewall, sshd, your account or key: no packet of yours got there"
        ]  # fmt: skip

    def _dropped(self) -> tuple[str, list[Possibility], list[str]]:
        proof = "it answers a ping" if self.main.ping is Ping.ANSWERED else "other ports of it answer"
        answering = [each for each in self.main.others if each.answer in (Answer.OPEN, Answer.RESET)]
        if answering:
            proof += f" (port {answering[0].port}: {answering[0].answer})"
        what = f"Connection timed out, though the address is alive: {proof}. Packets to port {self.port} are dropped."
        possible = [
            *(self._other_port() if self.main.moved else ()),
            Possibility(
                "the server's own firewall drops them: ufw was enabled without allowing SSH, or only some addresses"
                " are let in",
                (self._console("ufw-no-ssh-rule"), self._inspect()),
                causes_at((Step.FIREWALL,), "Connection timed out", (*_FIREWALL_FIRST, "fw-allowlist")),
            ),
            Possibility("the provider's firewall or security group: look at its rules in the panel"),
            Possibility(
                "your address was banned: try from another network",
                (self._console("fail2ban-ban"),),
                tuple(each for each in _BANS if each in causes_at((Step.FIREWALL,))),
            ),
            self._elsewhere(),
            Possibility("the address belongs to another machine now: compare it with the provider's panel", (), ()),
        ]
        if self.seen.reference is False:
            possible.sort(key=lambda each: "the network that you sit in" not in each.what)
        excluded = [
            "nothing has this address any more, or its network is cut off: it answered",
            "sshd has stopped: the kernel would then refuse the connection at once, unless a firewall hides it",
            "your key, your password, your account: the server was never asked",
        ]
        if self.seen.reference:
            excluded.append(f"your own network blocks port {self.port}: {self.seen.reference_host} is reached at it")
        return (
            what,
            [each for each in possible if self.seen.reference is not True or "sit in" not in each.what],
            excluded,
        )

    def _silent(self) -> tuple[str, list[Possibility], list[str]]:
        asked = {
            Ping.SILENT: "no answer to a ping",
            Ping.UNKNOWN: "a ping could not be tried from here",
            Ping.ANSWERED: "",
        }[self.main.ping]
        ports = ", ".join(str(each.port) for each in self.main.others)
        what = (
            f"Connection timed out: nothing at all came back from {self.main.address}"
            f" ({asked}{f'; ports {ports} silent, too' if ports else ''})."
        )
        possible = [
            Possibility(
                "the server is off, hangs or did not boot: look at its state and its console in the provider's panel",
                (self._console("fstab-emergency"),),
                causes_at((Step.BOOT,), "Connection timed out"),
            ),
            Possibility(
                "a firewall drops everything but what it allows: ufw, iptables, nftables, or the provider's security"
                " group",
                (self._console("ufw-no-ssh-rule"), self._inspect()),
                causes_at((Step.FIREWALL,), "Connection timed out", (*_FIREWALL_FIRST, *_BANS)),
            ),
            Possibility(
                "it runs, and its network does not: no address, no route, a wrong gateway",
                (self._console("net-unconfigured"), self._inspect()),
                causes_at((Step.NETWORK, Step.SERVICE), "Connection timed out", ("net-unconfigured", "net-no-gateway")),
            ),
            Possibility("the address is wrong, or not this server's any more: compare it with the provider's panel"),
            self._elsewhere(),
        ]
        if self.seen.reference is False:
            possible.sort(key=lambda each: "the network that you sit in" not in each.what)
        if self.seen.reference is True:
            possible = [each for each in possible if "sit in" not in each.what]
        excluded = [
            "a closed port, or sshd alone: the machine would refuse the connection at once",
            "your key, your password, your account: the server was never asked",
        ]
        if self.seen.reference:
            excluded.append(f"your own network blocks port {self.port}: {self.seen.reference_host} is reached at it")
        return what, possible, excluded

    def _no_greeting(self) -> tuple[str, list[Possibility], list[str]]:
        what = (
            f"Port {self.port} takes the connection, and then nothing comes: an SSH server would greet within a moment."
        )
        possible = [
            Possibility(
                "the server is overloaded, out of memory, or its disk hangs: the kernel accepts, sshd can't answer",
                (self._console("disk-full"), self._inspect()),
                causes_at((Step.DISK, Step.ACCEPT), "The login hangs", ("disk-full", "sshd-maxstartups")),
            ),
            Possibility(
                "packets of the server get lost on their way to you: a firewall that lets only the handshake through",
                (self._inspect(),), causes_at((Step.NETWORK, Step.FIREWALL), "The login hangs", ("fw-reply-blocked",)),
            ),
            Possibility("sshd waits for a name server or a helper that does not answer", (),
                        causes_at((Step.SERVICE,), "The login hangs")),
            *self._not_ssh(),
        ]  # fmt: skip
        return what, possible, [
            "the machine is down, or port closed", "your key, your password, your account: the server was never asked"
        ]  # fmt: skip

    def _not_ssh(self) -> list[Possibility]:
        return [
            Possibility(
                "another program has the port, or a gateway takes all connections: a load balancer, a tarpit",
                (), ("sshd-port-moved",),
            ),
            *self._other_port()[: len(self.main.moved)],
        ]  # fmt: skip

    def _closed(self) -> tuple[str, list[Possibility], list[str]]:
        reset = self.main.greeting is not None and self.main.greeting.said is Said.RESET
        what = (
            f"Port {self.port} takes the connection and {'resets' if reset else 'closes'} it before a byte is said"
            " (ssh: kex_exchange_identification: Connection "
            + ("reset by peer)." if reset else "closed by remote host).")
        )
        possible = [
            Possibility(
                "the server is told not to talk to your address: hosts.deny, or a ban at the TCP layer",
                (self._console("hosts-deny"), self._inspect()),
                ("hosts-deny", *causes_at((Step.ACCEPT,), "Connection closed")),
            ),
            Possibility(
                "too many connections wait for a login (MaxStartups), as under an attack: try again in a minute",
                (self._console("sshd-maxstartups"),), ("sshd-maxstartups",),
            ),
            Possibility(
                "sshd starts and fails for every connection: a broken update, no memory, a missing directory",
                (self._console("sshd-config-error"), self._inspect()),
                causes_at((Step.SERVICE, Step.BOOT), "Connection closed",
                          ("sshd-privsep-directory", "sshd-binary-broken", "sshd-config-error", "sshd-privsep",
                           "hostkeys-missing", "hostkeys-perms")),
            ),
            *self._not_ssh(),
        ]  # fmt: skip
        return what, possible, [
            "the machine is down, or a firewall drops everything",
            "your key, your password, your account: the server was never asked",
        ]  # fmt: skip

    def _too_many(self) -> tuple[str, list[Possibility], list[str]]:
        what = "sshd says: Exceeded MaxStartups. It is alive and drops new connections, as too many wait for a login."
        possible = [
            Possibility("many try passwords at once: wait a minute", (self._ssh(),), ("sshd-maxstartups",)),
            Possibility("MaxStartups is set very low, or connections hang before their login",
                        (self._console("sshd-maxstartups"), self._inspect()), ("sshd-maxstartups", "sshd-logingrace")),
        ]  # fmt: skip
        return what, possible, ["a firewall, a stopped sshd, a wrong port", "your key, your account: not asked yet"]

    def _penalty(self) -> tuple[str, list[Possibility], list[str]]:
        what = (
            "sshd says: Not allowed at this time. It punishes your address for earlier failed logins"
            " (PerSourcePenalties, OpenSSH 9.8 or newer)."
        )
        possible = [
            Possibility("wait until it ends: at most some ten minutes; each further try prolongs it", (self._ssh(),)),
            Possibility("a script or another person behind your address keeps failing: try from another network"),
        ]
        return (
            what,
            possible,
            ["a firewall, a stopped sshd, a wrong port", "your key, your account: not asked this time"],
        )

    def _web(self) -> tuple[str, list[Possibility], list[str]]:
        text = self.main.greeting.text if self.main.greeting is not None else ""
        what = (
            f"Not an SSH server: a web server or proxy answers at port {self.port}{f' ({text[:60]})' if text else ''}."
        )
        possible = [
            *self._other_port()[: len(self.main.moved)],
            Possibility("you asked for a port that belongs to a web server", (self._ssh("-p", "22"),)),
            Possibility("a captive portal or proxy of the network that you sit in answers in its place: log in to that"
                        " network, or use another one"),
            Possibility("the server redirects the port to another program", (self._inspect(),),
                        ("fw-redirect", "sshd-port-moved")),
        ]  # fmt: skip
        return what, possible, ["the machine is down", "your key, your password, your account: sshd was never asked"]

    def _other_program_said(self) -> str:
        return self.main.greeting.text[:60] if self.main.greeting is not None else ""

    def _other_program(self) -> tuple[str, list[Possibility], list[str]]:
        what = f"Not an SSH server: another program answers at port {self.port} ({self._other_program_said()!r})."
        possible = [
            *self._other_port()[: len(self.main.moved)],
            Possibility("sshd listens at another port, and this one belongs to another program", (self._inspect(),),
                        ("sshd-port-moved", "fw-redirect")),
            Possibility("the address belongs to another machine now: compare it with the provider's panel"),
        ]  # fmt: skip
        return what, possible, ["the machine is down", "your key, your password, your account: sshd was never asked"]

    def _stalled(self) -> tuple[str, list[Possibility], list[str]]:
        hand = self.main.handshake
        where = {
            Reached.GREETED: "before its key exchange offer",
            Reached.OFFERED: "in the middle of the key exchange",
            Reached.KEYS: "after the key exchange, before it names the ways to log in",
        }.get(hand.reached, "")
        what = f"The SSH server greets, and then nothing more comes, {where}: the login hangs."
        late = hand.reached is Reached.KEYS
        possible = [
            Possibility(
                "the server waits for something before it answers: DNS, LDAP, a full disk, too little memory",
                (self._inspect(),),
                causes_at((Step.DISK, Step.SERVICE, Step.ACCEPT, Step.ACCOUNT), "The login hangs", ("disk-full",)),
            ),
            Possibility(
                "packets get lost on the way, small ones, too: a firewall that follows connections wrongly",
                (self._inspect(),),
                causes_at((Step.NETWORK, Step.FIREWALL), "The login hangs", ("fw-reply-blocked", "net-mtu")),
            ),
        ]
        if not late:
            possible.reverse()
        return what, possible, [
            "a firewall that blocks the port, a stopped sshd, a wrong port",
            *(["large packets alone (MTU): small ones get no further"] if hand.small is False else []),
        ]  # fmt: skip

    def _mtu(self) -> tuple[str, list[Possibility], list[str]]:
        what = (
            "The login hangs in the key exchange, and with small packets it does not: large packets get lost on the"
            " way, and the ICMP message that should say so, too (an MTU black hole)."
        )
        interface = self.main.interface or "eth0"
        possible = [
            Possibility("a tunnel or VPN on your side, or PPPoE: lower your own MTU",
                        (f"ip link set dev {interface} mtu 1280",)),
            Possibility("the server's MTU is larger than its network carries", (self._inspect(),), ("net-mtu",)),
            Possibility("a firewall on the way drops ICMP \"fragmentation needed\"", (), ("fw-policy-drop",)),
        ]  # fmt: skip
        return what, possible, [
            "a firewall that blocks the port, a stopped sshd, a wrong port", "an overloaded server: small packets work"
        ]  # fmt: skip

    def _no_common(self) -> tuple[str, list[Possibility], list[str]]:
        text = self.main.handshake.text
        what = f"The SSH server and your ssh have no algorithm in common: {text[:160]}"
        option = "KexAlgorithms" if "key exchange" in text else "HostKeyAlgorithms" if "host key" in text else "Ciphers"
        offer = text.rpartition("Their offer: ")[2].partition(",")[0].split(" ")[0][:60] if "offer: " in text else ""
        possible = [
            Possibility("the server is old: allow what it offers for this one login",
                        (self._ssh("-o", f"{option}=+{offer}"),) if offer else ()),
            Possibility("the server's settings leave too little (Ciphers, KexAlgorithms, HostKeyAlgorithms)",
                        (self._inspect(),), ("sshd-algo-mismatch", "moduli-empty")),
        ]  # fmt: skip
        return what, possible, ["a firewall, a stopped sshd, a wrong port", "your key, your account: not asked yet"]

    def _closed_in_exchange(self) -> tuple[str, list[Possibility], list[str]]:
        hand = self.main.handshake
        late = hand.reached is Reached.KEYS
        what = (
            "The SSH server greets and ends the connection "
            + ("when a user is named" if late else "in the key exchange")
            + (f": {hand.text[:120]}" if hand.text else ".")
        )
        if late:
            causes = causes_at((Step.ACCEPT, Step.ACCOUNT, Step.SERVICE), "Connection closed", ("pam-init-broken",))
        else:
            causes = causes_at((Step.ACCEPT, Step.SERVICE), "Connection closed",
                               ("moduli-empty", "hostkeys-perms", "sshd-binary-broken", "sshd-privsep"))  # fmt: skip
        possible = [
            Possibility("sshd fails for each connection: its log on the server says why",
                        (self._inspect(), self._console(causes[0] if causes else "sshd-config-error")), causes),
            Possibility("a gateway, a proxy or an intrusion prevention system on the way ends it"),
        ]  # fmt: skip
        return what, possible, ["a firewall that blocks the port, a stopped sshd, a wrong port"]

    def _unbounded(self) -> tuple[str, list[Possibility], list[str]]:
        what = (
            f"It greets like an SSH server and then sends without end: after {self.main.handshake.received} bytes the"
            " probe hung up."
        )
        return what, [
            Possibility("a tarpit or another program that imitates SSH: compare the address with the provider's panel"),
            *self._other_port()[: len(self.main.moved)],
        ], ["a firewall that blocks the port"]  # fmt: skip

    def _host_key(self) -> tuple[str, list[Possibility], list[str]]:
        shown = self.main.handshake.host_key
        known = [each for each in self.seen.client.known if each.partition(" ")[0] == shown.partition(" ")[0]]
        what = (
            f"An SSH server asks for a login, with another host key than your known_hosts has: {shown} in place of"
            f" {known[0] if known else 'another'}. ssh refuses: Host key verification failed."
        )
        name = self.host if self.port == 22 else f"[{self.host}]:{self.port}"
        possible = [
            Possibility("the server was installed anew, or runs the provider's rescue system, which has keys of its"
                        " own: compare the fingerprint in the provider's console, then forget the old one",
                        (join(["ssh-keygen", "-R", name]),)),
            Possibility("the address belongs to another machine now: compare it with the provider's panel"),
            Possibility("somebody sits between you and the server: type no password until the fingerprint is checked"),
        ]  # fmt: skip
        return what, possible, ["a firewall, a stopped sshd, a wrong port"]

    def _asks(self) -> tuple[str, list[Possibility], list[str]]:
        hand = self.main.handshake
        methods = ", ".join(hand.methods)
        what = (
            f"The door is open: an SSH server ({self._greets()}) asks {self.user} for a login by {methods}. If you get"
            " Permission denied, it is about the account or the key."
        )
        only_key = "password" not in hand.methods and "keyboard-interactive" not in hand.methods
        denied = Possibility(
            "Permission denied: the key is not there, its file is ignored for its modes, or the account is not let in."
            " From outside these look alike" + ("; passwords are not taken" if only_key else ""),
            (self._ssh("-v"), join(["rescue", "inspect", DISK, "--user", self.user])),
            causes_at((Step.KEY, Step.ACCOUNT), "", _KEY_FIRST),
        )
        closed = Possibility(
            "Connection closed after the login, or no prompt: the session can't start, or PAM refuses",
            (join(["rescue", "inspect", DISK, "--user", self.user]),),
            causes_at((Step.SESSION, Step.ACCEPT, Step.DISK), "", ("nologin", "shell-nologin", "disk-full")),
        )
        possible = [denied, closed]
        if not self.seen.client.known:
            possible.append(
                Possibility(
                    f"it is another machine: compare its host key ({hand.host_key}) with what the console shows"
                )
            )
        if not self.seen.client.user:
            possible.insert(0, Possibility("another user name is meant than your own", (self._ssh(),)))
        return what, possible, [
            "the machine, its network, a firewall, sshd, its port: all of these work from here",
        ]  # fmt: skip

    def _greets(self) -> str:
        return self.main.greeting.text[:80] if self.main.greeting is not None else "SSH"

    def _not_tried(self) -> tuple[str, list[Possibility], list[str]]:
        what = f"The door is open: an SSH server greets ({self._greets()}). There is no ssh here to go on with."
        return what, [
            Possibility("the account or the key", (self._inspect(),),
                        causes_at((Step.KEY, Step.ACCOUNT), "", _KEY_FIRST))
        ], ["the machine, its network, a firewall, sshd, its port: all of these work from here"]  # fmt: skip

    def _lets_in(self) -> tuple[str, list[Possibility], list[str]]:
        what = f"The server lets {self.user} in without a key and without a password. Anybody can log in so."
        return what, [Possibility("set a password or a key for this account, at once", (self._ssh(),))], [
            "everything up to the login"
        ]  # fmt: skip

    def _forbidden(self) -> tuple[str, list[Possibility], list[str]]:
        what = "Your own system forbids the connection: its firewall, a VPN's kill switch or a security policy."
        return what, [
            Possibility("look at your own firewall's outgoing rules", ("sudo nft list ruleset",)),
            Possibility("a VPN that lets nothing else out: disconnect it"),
        ], ["the server: nothing was sent to it"]  # fmt: skip

    def _no_route(self) -> tuple[str, list[Possibility], list[str]]:
        version = self.main.version
        what = f"Your own computer has no IPv{version} route: nothing was sent to the server."
        other = "-4" if version == 6 else "-6"
        return what, [
            Possibility("your computer is not connected", ("ip route",)),
            Possibility(f"your network has no IPv{version}: use the other family",
                        (join(["rescue", "probe", self.host, other]),)),
        ], ["the server: nothing was sent to it"]  # fmt: skip

    def _local(self) -> tuple[str, list[Possibility], list[str]]:
        error = next((each.error for each in self.main.tries if each.error), "unknown")
        return f"Your own system could not try it ({error}).", [
            Possibility("the address can't be used from here, such as a link-local one without its zone (fe80::1%eth0)")
        ], ["the server: nothing was sent to it"]  # fmt: skip


def in_words(each: AddressSeen) -> str:
    """What the tries of one address came to, for a line."""
    answers = dict.fromkeys(one_dial(one) for one in each.tries)
    return "; ".join(answers) or "not tried"


def one_dial(one: Dial) -> str:
    """One try in words."""
    if one.answer is Answer.ICMP and one.icmp is not None:
        return f'{one.icmp.sender} says "{one.icmp.name}" after {one.seconds:.2f} s'
    if one.answer is Answer.OPEN:
        return f"open after {one.seconds * 1000:.0f} ms"
    if one.answer is Answer.SILENT:
        return f"no answer within {one.seconds:.0f} s"
    return f"{one.answer} after {one.seconds:.2f} s" + (f" ({one.error})" if one.answer is Answer.FAILED else "")


def hung_early(hand: Handshake) -> bool:
    """Whether large packets may be what is missing, so that small ones are worth a try."""
    return hand.ended is Ended.HUNG and hand.reached in (Reached.GREETED, Reached.OFFERED, Reached.KEYS)
