"""Two network namespaces and a link: a server with real firewall rules, and a client that can have any address.

The client builds its packets by hand, so that one machine tries every source. It waits for a reply only as long as
needed: after each packet it sends an ARP request over the same link, whose answer shows that the server has handled
everything before it. Needs root. Nothing outside the two namespaces is touched.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread
from time import monotonic

from pyroute2 import IPRoute

from rescue.firewall.engine.ruleset import BUILT_IN
from rescue.kernel_check.errors import ProofError
from rescue.kernel_check.namespace import ROOT_NEEDED, Namespace
from rescue.kernel_check.packets import (
    ACK,
    ARP,
    ETHER,
    PSH,
    RST,
    SYN,
    Address,
    Connection,
    Segment,
    arp_question,
    is_advertisement,
    is_arp_answer,
    solicitation,
)

SERVER: Mapping[int, Address] = {4: ip_address("192.0.2.1"), 6: ip_address("2001:db8::1")}
"""The server's addresses, unless it has others."""

ROUTERS = ((IPv4Address("192.0.2.254"), IPv4Address("198.51.100.254")),
           (IPv6Address("2001:db8::fe"), IPv6Address("2001:db8:1::fe")))  # fmt: skip
"""Addresses of the gateway, the second one if the server has the first itself."""

LINK_LOCAL_ROUTER = IPv6Address("fe80::1")
BANNER = b"SSH-2.0-lab\r\n"
GREETING = b"SSH-2.0-OpenSSH_9.2\r\n"

OPEN = "open"
SILENT = "no-reply"
HALF = "synack-only"
"""The server answers, but the client's next packets do not arrive."""
RESET = "rst"

SENTINEL, DEAF = 10.0, 0.3
"""Seconds to wait for the answer to the ARP request; and once there was none, as rules of a table arp or of an ingress
hook may drop it, for what else is to come."""

WITHOUT_DNS = ("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /etc/resolv.conf; exec "$@"', "sh")
"""Runs a program without name servers: there are none in here, and waiting for one takes ten seconds a name."""

SLOW = 10.0
"""Seconds to wait for the banner where the kernel has acknowledged what the client sent."""

_PERMANENT, _NODAD, _ON_LINK = 0x80, 0x02, 253

_CALM = {
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/icmp_ratelimit": "0",
    "ipv4/icmp_msgs_per_sec": "1000000",
    "ipv4/icmp_msgs_burst": "1000000",
    "ipv6/icmp/ratelimit": "0",
    "ipv6/conf/default/accept_dad": "0",
}
"""Kernel settings of the server that keep its own limits from hiding a rejection."""


class PacketLab:
    """The two namespaces. `interface` is the name of the server's network interface, `addresses` its addresses."""

    def __init__(
        self,
        interface: str = "eth0",
        ports: Sequence[int] = (22,),
        addresses: Mapping[int, Address] = SERVER,
    ) -> None:
        self.interface = interface
        self.addresses = addresses
        self.routers = {
            pair[0].version: pair[0] if pair[0] != addresses[pair[0].version] else pair[1] for pair in ROUTERS
        }
        self.listeners: list[socket.socket] = []
        self.port_of_client = 20000
        self.sentinel = SENTINEL
        self.spaces: list[Namespace] = []
        self.held = ExitStack()
        try:
            self._make(ports)
        except BaseException:
            self.close()
            raise

    def _make(self, ports: Sequence[int]) -> None:
        for _ in range(2):
            self.spaces.append(Namespace())
        self.client, self.server = self.spaces
        card = self.client.inside(self._lay_wire)
        self.macs = (card, self.server.inside(lambda: self._configure(card)))
        self.wire = self.client.inside(self._raw)
        for version in (4, 6):
            for port in ports:
                self._listen(version, port)

    def _lay_wire(self) -> bytes:
        """Connect both with a link; returns the hardware address of the client's end."""
        with IPRoute() as network:
            peer = {"ifname": self.interface, "net_ns_fd": self.server.handle}
            network.link("add", ifname="wire", kind="veth", peer=peer)
            index = network.link_lookup(ifname="wire")[0]
            network.link("set", index=index, state="up")
            return _card(network, index)

    def _configure(self, router: bytes) -> bytes:
        """Set the server's addresses, and the client as its gateway for the whole world; returns its hardware
        address."""
        for name, value in {**_CALM, f"ipv4/conf/{self.interface}/rp_filter": "0"}.items():
            with suppress(FileNotFoundError):
                Path("/proc/sys/net", name).write_text(value)
        with IPRoute() as network:
            index = network.link_lookup(ifname=self.interface)[0]
            for each in (network.link_lookup(ifname="lo")[0], index):
                network.link("set", index=each, state="up")
            for version, router_address in self.routers.items():
                family = socket.AF_INET if version == 4 else socket.AF_INET6
                whole = 32 if version == 4 else 128
                flags = {} if version == 4 else {"flags": _NODAD}
                scope = {"scope": _ON_LINK} if version == 4 else {}
                at = str(router_address)
                network.addr(
                    "add", index=index, family=family, address=str(self.addresses[version]), prefixlen=whole, **flags
                )
                network.route("add", family=family, dst=f"{at}/{whole}", oif=index, **scope)
                network.route("add", family=family, dst="default", gateway=at, oif=index)
                network.neigh("replace", family=family, dst=at, lladdr=router.hex(":"), ifindex=index, state=_PERMANENT)
            return _card(network, index)

    def _raw(self) -> socket.socket:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        raw.bind(("wire", 0))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return raw

    def _listen(self, version: int, port: int) -> None:
        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if version == 6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((str(self.addresses[version]), port))
            made.listen(1024)
            return made

        listener = self.server.inside(make)
        self.listeners.append(listener)
        Thread(target=_serve, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """End it. Anything left over ends with the process."""
        self.held.close()
        for listener in self.listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if hasattr(self, "wire"):
            self.wire.close()
        for space in self.spaces:
            space.close()

    def until_closed(self, end: Callable[[], None]) -> None:
        """`end` is called when the lab is closed."""
        self.held.callback(end)

    # -- rules ------------------------------------------------------------------------------------------------------

    def on_server(self, *command: str, given: str | bytes | None = None, check: bool = True) -> CompletedProcess[str]:
        """Run a program in the server's namespace. Raises ProofError."""
        return self.server.run(*command, given=given, check=check, around=WITHOUT_DNS)

    def load(self, text: str, version: int = 4, backend: str = "nft", *options: str) -> bool:
        """Load rules with the real iptables-restore; whether it took the whole file."""
        return self.on_server(restorer(version, backend), *options, given=text, check=False).returncode == 0

    def flush(self) -> None:
        """Remove all rules again, of both backends."""
        text = "".join(f"*{table}\n" for table in BUILT_IN)
        for version in (4, 6):
            for backend in ("nft", "legacy"):
                self.flush_used(text, backend, version)

    def flush_used(self, text: str, backend: str, version: int = 4) -> None:
        """Remove the rules again from the tables that `text` loads."""
        lines = []
        for table in dict.fromkeys(line[1:].strip() for line in text.split("\n") if line.startswith("*")):
            if table in BUILT_IN:
                lines += [f"*{table}", *(f":{chain} ACCEPT [0:0]" for chain in BUILT_IN[table]), "COMMIT"]
        self.on_server(restorer(version, backend), given="\n".join([*lines, ""]))

    # -- probes -----------------------------------------------------------------------------------------------------

    def probe(self, source: Address, port: int = 22, patience: float = 1.0) -> str:
        """What a client at `source` sees that dials `port`: "open", "no-reply", "rst", "icmp:TYPE/CODE", ...

        patience: seconds to wait for the server's banner where the kernel does not acknowledge what was sent.
        """
        self.port_of_client = 20000 + (self.port_of_client - 19999) % 40000
        talk = Connection(source, self.addresses[source.version], self.port_of_client, port)
        self.send(source.version, talk.packet(SYN, 1000, 0))
        answer, number = SILENT, 0
        for (
            frame
        ) in self._until_dealt_with():  # read to the end, so that the next one does not meet the sentinel's answer
            segment = talk.segment(frame)
            if answer != SILENT:
                continue
            if segment is not None and segment.flags & RST:
                answer = RESET
            elif segment is not None and segment.flags & (SYN | ACK) == SYN | ACK:
                answer, number = HALF, segment.number
            elif (error := talk.error(frame)) is not None:
                answer = f"icmp:{error[0]}/{error[1]}"
        return self._shake(talk, number, patience) if answer == HALF else answer

    def _shake(self, talk: Connection, number: int, patience: float) -> str:
        """Continue the connection after the server's answer."""
        version = talk.source.version
        self.send(version, talk.packet(ACK, 1001, number + 1))
        self.send(version, talk.packet(ACK | PSH, 1001, number + 1, GREETING))
        last = 1001 + len(GREETING)
        arrived = greeted = False
        for frame in self._until_dealt_with():
            segment = talk.segment(frame)
            if segment is not None:
                greeted = greeted or segment.data.endswith(BANNER)
                arrived = arrived or self._has_heard(segment, last)
        if not (greeted and arrived):
            for frame in self.frames(SLOW if arrived else patience):
                segment = talk.segment(frame)
                if segment is not None:
                    greeted = greeted or segment.data.endswith(BANNER)
                    arrived = arrived or self._has_heard(segment, last)
                    if greeted and arrived:
                        break
        self.send(version, talk.packet(RST | ACK, last, number + 1))
        return OPEN if greeted and arrived else HALF

    @staticmethod
    def _has_heard(segment: Segment, last: int) -> bool:
        """Whether the client's data has arrived: it is acknowledged."""
        return segment.acknowledged == last and not segment.flags & (SYN | RST)

    def solicit(self) -> bool:
        """Whether the server answers its gateway's neighbour solicitation over IPv6."""
        server = self.addresses[6]
        assert isinstance(server, IPv6Address)
        group, packet = solicitation(LINK_LOCAL_ROUTER, server, self.macs[0])
        self.wire.send(group + self.macs[0] + struct.pack("!H", ETHER[6]) + packet)
        return sum(is_advertisement(frame, server) for frame in self._until_dealt_with()) > 0

    def send(self, version: int, packet: bytes) -> None:
        """Send an IP packet to the server."""
        self.wire.send(self.macs[1] + self.macs[0] + struct.pack("!H", ETHER[version]) + packet)

    def _until_dealt_with(self) -> Iterator[bytes]:
        """The frames that arrive until the server has handled everything that was sent."""
        router, server = self.routers[4], self.addresses[4]
        assert isinstance(router, IPv4Address)
        assert isinstance(server, IPv4Address)
        head = b"\xff" * 6 + self.macs[0] + struct.pack("!H", ARP)
        self.wire.send(head + arp_question(self.macs[0], router, server))
        for frame in self.frames(self.sentinel):
            if is_arp_answer(frame):
                return
            yield frame
        self.sentinel = DEAF

    def frames(self, seconds: float) -> Iterator[bytes]:
        """The frames that arrive from the server, for some seconds."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if not select.select([self.wire], [], [], left)[0]:
                return
            frame = self.wire.recv(1 << 16)
            if frame[6:12] == self.macs[1]:
                yield frame


def restorer(version: int, backend: str) -> str:
    """The program that loads saved rules."""
    return f"{'ip6tables' if version == 6 else 'iptables'}-{backend}-restore"


def _card(network: IPRoute, index: int) -> bytes:
    """The hardware address of a network card."""
    text = network.get_links(index)[0].get_attr("IFLA_ADDRESS")
    return bytes.fromhex(text.replace(":", ""))


KEPT = 64
"""Connections that stay open: data for a closed one is answered with a reset, like data that a rule refuses."""


def _serve(listener: socket.socket) -> None:
    kept: deque[socket.socket] = deque()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            for each in kept:
                each.close()
            return
        with suppress(OSError):
            connection.sendall(BANNER)
        kept.append(connection)
        if len(kept) > KEPT:
            kept.popleft().close()


@contextmanager
def lab(
    interface: str = "eth0", ports: Sequence[int] = (22,), addresses: Mapping[int, Address] = SERVER
) -> Iterator[PacketLab]:
    """A lab that is always closed in the end."""
    with on_one_processor():
        made = PacketLab(interface, ports, addresses)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def on_one_processor() -> Iterator[None]:
    """Keeps the calling thread on one processor, so that the link keeps the packets' order. Raises ProofError."""
    if os.geteuid() != 0:
        raise ProofError("a network of its own can't be made", ROOT_NEEDED)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
