"""Two network namespaces and a wire: a server with real firewall rules, and a client that can come from any address.

The client writes its packets by hand, so that one machine asks for every source. A reply is waited for only as long
as needed: behind each packet an ARP request goes over the same wire, and its answer says that the server has dealt
with what came before. Needs root. Nothing outside the two namespaces is touched.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ctypes import CDLL, get_errno
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TypeVar

from rescue.firewall.ruleset import BUILT_IN

Address = IPv4Address | IPv6Address
T = TypeVar("T")

SERVER = {4: ip_address("192.0.2.1"), 6: ip_address("2001:db8::1")}
GATEWAY = {4: "192.0.2.254", 6: "2001:db8::fe"}
BANNER = b"SSH-2.0-lab\r\n"

OPEN = "open"
SILENT = "no-reply"
HALF = "synack-only"
"""The server answers, but what the client sends next does not arrive."""
RESET = "rst"

_NEWNET = 0x40000000
_ETH = {4: 0x0800, 6: 0x86DD}
_ARP = 0x0806
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16


def run(*command: str, given: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A program's result; its own words in the error if it fails."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, errors="surrogateescape", check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def inside(namespace: str, action: Callable[[], T]) -> T:
    """What `action` gives in a network namespace: sockets made there stay there."""
    box: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with Path(f"/run/netns/{namespace}").open() as handle:
                if CDLL(None, use_errno=True).setns(handle.fileno(), _NEWNET):
                    raise OSError(get_errno(), "setns")
            box.append(action())
        except BaseException as problem:
            failed.append(problem)

    thread = Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return box[0]


class Lab:
    """The two namespaces. `interface` is the name of the server's network card."""

    def __init__(self, interface: str = "eth0", ports: Sequence[int] = (22,)) -> None:
        self.interface = interface
        self.client, self.server = f"rescue-c{os.getpid()}", f"rescue-s{os.getpid()}"
        self.listeners: list[socket.socket] = []
        self.port_of_client = 20000
        self._make(ports)

    def _make(self, ports: Sequence[int]) -> None:
        for name in (self.client, self.server):
            run("ip", "netns", "add", name)
        try:
            run(
                "ip", "link", "add", "wire", "netns", self.client, "type", "veth", "peer", "name", self.interface,
                "netns", self.server,
            )  # fmt: skip
            self._configure()
            self.wire = inside(self.client, self._raw)
            self.macs = (self._mac(self.client, "wire"), self._mac(self.server, self.interface))
            for version in (4, 6):
                self.on_server("ip", "neigh", "replace", GATEWAY[version], "lladdr", _text(self.macs[0]),
                               "nud", "permanent", "dev", self.interface)  # fmt: skip
                for port in ports:
                    self._listen(version, port)
        except BaseException:
            self.close()
            raise

    def _configure(self) -> None:
        self.on_server("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                       f"net.ipv4.conf.{self.interface}.rp_filter=0", "net.ipv4.icmp_ratelimit=0",
                       "net.ipv4.icmp_msgs_per_sec=1000000", "net.ipv4.icmp_msgs_burst=1000000",
                       "net.ipv6.icmp.ratelimit=0", f"net.ipv6.conf.{self.interface}.accept_dad=0")  # fmt: skip
        run("ip", "-n", self.client, "link", "set", "wire", "up")
        for link in ("lo", self.interface):
            run("ip", "-n", self.server, "link", "set", link, "up")
        run("ip", "-n", self.server, "addr", "add", f"{SERVER[4]}/24", "dev", self.interface)
        run("ip", "-n", self.server, "addr", "add", f"{SERVER[6]}/64", "dev", self.interface, "nodad")
        for version in (4, 6):
            run("ip", "-n", self.server, f"-{version}", "route", "replace", "default", "via", GATEWAY[version],
                "dev", self.interface)  # fmt: skip

    def _raw(self) -> socket.socket:
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        raw.bind(("wire", 0))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return raw

    def _mac(self, namespace: str, link: str) -> bytes:
        text = run("ip", "-n", namespace, "-br", "link", "show", link).stdout.split()[2]
        return bytes.fromhex(text.replace(":", ""))

    def on_server(
        self, *command: str, given: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the server's namespace."""
        return run("ip", "netns", "exec", self.server, *command, given=given, check=check)

    def _listen(self, version: int, port: int) -> None:
        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if version == 6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((str(SERVER[version]), port))
            made.listen(1024)
            return made

        listener = inside(self.server, make)
        self.listeners.append(listener)
        Thread(target=_serve, args=(listener,), daemon=True).start()

    def close(self) -> None:
        for listener in self.listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        if hasattr(self, "wire"):
            self.wire.close()
        for name in (self.client, self.server):
            run("ip", "netns", "del", name, check=False)

    # -- rules ------------------------------------------------------------------------------------------------------

    def load(self, text: str, version: int = 4, backend: str = "nft", *options: str) -> bool:
        """Load rules with the real iptables-restore; whether it took the whole file."""
        program = f"{'ip6tables' if version == 6 else 'iptables'}-{backend}-restore"
        return self.on_server(program, *options, given=text, check=False).returncode == 0

    def flush(self) -> None:
        """Take all rules out again, of both backends."""
        text = "".join(f"*{table}\n" for table in BUILT_IN)
        for version in (4, 6):
            for backend in ("nft", "legacy"):
                self.flush_used(text, backend, version)

    def flush_used(self, text: str, backend: str, version: int = 4) -> None:
        """Take the rules out again of the tables that `text` loads."""
        program = f"{'ip6tables' if version == 6 else 'iptables'}-{backend}-restore"
        lines = []
        for table in dict.fromkeys(line[1:].strip() for line in text.split("\n") if line.startswith("*")):
            if table in BUILT_IN:
                lines += [f"*{table}", *(f":{chain} ACCEPT [0:0]" for chain in BUILT_IN[table]), "COMMIT"]
        self.on_server(program, given="\n".join([*lines, ""]))

    # -- probes -----------------------------------------------------------------------------------------------------

    def probe(self, source: Address, port: int = 22, patience: float = 1.0) -> str:
        """What a client at `source` sees that dials `port`: "open", "no-reply", "rst", "icmp:TYPE/CODE", ...

        patience: seconds to wait for the server's banner once it has answered.
        """
        self.port_of_client = 20000 + (self.port_of_client - 19999) % 40000
        talk = _Talk(self, source, port, self.port_of_client)
        return talk.dial(patience)

    def send(self, version: int, packet: bytes) -> None:
        self.wire.send(self.macs[1] + self.macs[0] + struct.pack("!H", _ETH[version]) + packet)

    def ask(self) -> None:
        """Send the ARP request whose answer marks that everything before it was dealt with."""
        asked = struct.pack("!HHBBH", 1, _ETH[4], 6, 4, 1) + self.macs[0] + ip_address(GATEWAY[4]).packed
        self.wire.send(b"\xff" * 6 + self.macs[0] + struct.pack("!H", _ARP) + asked + bytes(6) + SERVER[4].packed)

    def frames(self, seconds: float) -> Iterator[bytes]:
        """The frames that arrive from the server, for some seconds."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if not select.select([self.wire], [], [], left)[0]:
                return
            frame = self.wire.recv(1 << 16)
            if frame[6:12] == self.macs[1]:
                yield frame


class _Talk:
    """One connection, its packets made by hand."""

    def __init__(self, lab: Lab, source: Address, port: int, own_port: int) -> None:
        self.lab = lab
        self.source = source
        self.server = SERVER[source.version]
        self.port = port
        self.own_port = own_port

    def dial(self, patience: float) -> str:
        self.lab.send(self.source.version, self._tcp(_SYN, 1000, 0))
        self.lab.ask()
        answer = SILENT
        number = 0
        for frame in self.lab.frames(5):
            kind = struct.unpack_from("!H", frame, 12)[0]
            if kind == _ARP and struct.unpack_from("!H", frame, 20)[0] == 2:
                break
            found = self._read(frame)
            if found is not None and answer == SILENT:
                answer, number = found
        else:
            raise RuntimeError("the server does not answer ARP any more")
        return self._shake(number, patience) if answer == HALF else answer

    def _shake(self, number: int, patience: float) -> str:
        self.lab.send(self.source.version, self._tcp(_ACK, 1001, number + 1))
        self.lab.send(self.source.version, self._tcp(_ACK | _PSH, 1001, number + 1, b"SSH-2.0-OpenSSH_9.2\r\n"))
        answer = HALF
        for frame in self.lab.frames(patience):
            if self._has_banner(frame):
                answer = OPEN
                break
        self.lab.send(self.source.version, self._tcp(_RST | _ACK, 1022, number + 1))
        return answer

    def _has_banner(self, frame: bytes) -> bool:
        segment = self._segment(frame)
        return segment is not None and segment.endswith(BANNER)

    def _segment(self, frame: bytes) -> bytes | None:
        """The TCP segment of a frame that belongs to this connection."""
        kind, packet = struct.unpack_from("!H", frame, 12)[0], frame[14:]
        if kind != _ETH[self.source.version]:
            return None
        if kind == _ETH[4]:
            head, protocol, to = (packet[0] & 15) * 4, packet[9], packet[16:20]
        else:
            head, protocol, to = 40, packet[6], packet[24:40]
        segment = packet[head:]
        if protocol != 6 or to != self.source.packed:
            return None
        return segment if struct.unpack_from("!HH", segment) == (self.port, self.own_port) else None

    def _read(self, frame: bytes) -> tuple[str, int] | None:
        segment = self._segment(frame)
        if segment is not None:
            number, flags = struct.unpack_from("!I", segment, 4)[0], segment[13]
            if flags & _RST:
                return RESET, 0
            return (HALF, number) if flags & (_SYN | _ACK) == _SYN | _ACK else None
        return self._icmp(frame)

    def _icmp(self, frame: bytes) -> tuple[str, int] | None:
        kind, packet = struct.unpack_from("!H", frame, 12)[0], frame[14:]
        if kind != _ETH[self.source.version]:
            return None
        head, protocol = ((packet[0] & 15) * 4, packet[9]) if kind == _ETH[4] else (40, packet[6])
        if protocol not in (1, 58):
            return None
        message = packet[head:]
        # The error quotes the packet that it is about, with the ports of this connection.
        inner = message[8 + (20 if kind == _ETH[4] else 40) :]
        if message[0] > 4 or len(inner) < 4 or struct.unpack_from("!HH", inner) != (self.own_port, self.port):
            return None
        return f"icmp:{message[0]}/{message[1]}", 0

    def _tcp(self, flags: int, number: int, ack: int, data: bytes = b"") -> bytes:
        options = struct.pack("!BBH", 2, 4, 1460) if flags & _SYN else b""
        size = (20 + len(options)) // 4
        segment = struct.pack(
            "!HHIIBBHHH", self.own_port, self.port, number, ack, size << 4, flags, 64240, 0, 0
        ) + options + data  # fmt: skip
        addresses = self.source.packed + self.server.packed
        if self.source.version == 4:
            pseudo = addresses + struct.pack("!BBH", 0, 6, len(segment))
        else:
            pseudo = addresses + struct.pack("!I3xB", len(segment), 6)
        segment = segment[:16] + struct.pack("!H", _checksum(pseudo + segment)) + segment[18:]
        if self.source.version == 6:
            return struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + addresses + segment
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0) + addresses
        return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + segment


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError):
            connection.sendall(BANNER)
        connection.close()


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _text(mac: bytes) -> str:
    return mac.hex(":")


@contextmanager
def lab(interface: str = "eth0", ports: Sequence[int] = (22,)) -> Iterator[Lab]:
    """A lab, and the calling thread kept on one processor: so the wire keeps the packets' order."""
    before = os.sched_getaffinity(0)
    made = Lab(interface, ports)
    try:
        os.sched_setaffinity(0, {min(before)})
        yield made
    finally:
        os.sched_setaffinity(0, before)
        made.close()
