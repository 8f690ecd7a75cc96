"""The situations of a client that can't get in, made in namespaces: what is broken, and what a probe has to say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.system.outside_lab import (
    BLACKHOLED,
    NAME,
    NOBODY_FAR,
    NOBODY_NEAR,
    PROHIBITED,
    SERVER,
    SERVER6,
    UNROUTED,
    OutsideLab,
)


@dataclass(frozen=True)
class Case:
    """One situation. make: breaks the lab. causes: what it really is; each has to be among the possible ones.
    situation: what can be told from outside. host: who is probed. words: further options."""

    id: str
    what: str
    situation: str
    causes: tuple[str, ...]
    make: Callable[[OutsideLab], object]
    host: str = SERVER
    words: tuple[str, ...] = ()
    quick: bool = False
    imitated: bool = False


def _input(rule: str) -> Callable[[OutsideLab], object]:
    """An sshd that runs, and one rule before it."""

    def make(lab: OutsideLab) -> None:
        lab.sshd()
        lab.rules("server", f"chain input {{ type filter hook input priority 0; {rule} }}")

    return make


def _forward(rule: str) -> Callable[[OutsideLab], object]:
    def make(lab: OutsideLab) -> None:
        lab.sshd()
        lab.rules("router", f"chain forward {{ type filter hook forward priority 0; {rule} }}")

    return make


def _server(rule: str) -> Callable[[OutsideLab], object]:
    """An sshd that runs, and rules of the server."""

    def make(lab: OutsideLab) -> None:
        lab.sshd()
        lab.rules("server", rule)

    return make


def _no_gateway(lab: OutsideLab) -> None:
    lab.sshd()
    lab.server("ip route del default")


def _network_down(lab: OutsideLab) -> None:
    lab.server("ip link set s0 down")


def _says(code: str) -> Callable[[OutsideLab], object]:
    return lambda lab: lab.listener(code)


def _sshd(*options: str) -> Callable[[OutsideLab], object]:
    return lambda lab: lab.sshd(*options)


def _nothing(lab: OutsideLab) -> None:
    pass


def _max_startups(lab: OutsideLab) -> None:
    lab.sshd("MaxStartups 1")
    code = "import socket,time; a=socket.create_connection(('127.0.0.1',22)); time.sleep(900)"
    lab.started("server", ["python3", "-c", code])
    lab.server("sleep 0.7")


def _no_privsep(lab: OutsideLab) -> None:
    lab.sshd()
    lab.server("rmdir /run/sshd")


def _hosts_deny(lab: OutsideLab) -> None:
    deny = lab.folder / "hosts.deny"
    deny.write_text("sshd: ALL\n")
    lab.server(f"touch /etc/hosts.deny; mount --bind {deny} /etc/hosts.deny")
    lab.sshd()


def _stopped(lab: OutsideLab) -> None:
    running = lab.sshd()
    lab.server(f"kill -STOP {running.pid}")


def _mtu(lab: OutsideLab) -> None:
    lab.sshd()
    lab.router("ip link set rs mtu 900")
    lab.rules("router", "chain o { type filter hook output priority 0; icmp type destination-unreachable drop }")


def _host_key(lab: OutsideLab) -> None:
    lab.sshd(f"HostKey {lab.folder}/host_ed25519")
    key = (lab.folder / "host_rsa.pub").read_text()  # another type: no disagreement by itself
    from subprocess import run

    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(lab.folder / "old")], check=True)
    old = (lab.folder / "old.pub").read_text()
    (lab.home / ".ssh/known_hosts").write_text(f"{SERVER} {old}{SERVER} {key}")


def _client_rejects(lab: OutsideLab) -> None:
    lab.sshd()
    lab.rules("client", "chain o { type filter hook output priority 0; tcp dport 22 reject }")


def _no_route(lab: OutsideLab) -> None:
    lab.client("ip route del default")


def _six_dropped(lab: OutsideLab) -> None:
    lab.sshd()
    lab.rules("server", "chain i { type filter hook input priority 0; meta nfproto ipv6 tcp dport 22 drop }")


def _limited(lab: OutsideLab) -> None:
    lab.sshd()
    # The first SYNs are lost, with their repetitions.
    lab.rules(
        "server",
        "chain i { type filter hook input priority 0; tcp dport 22 tcp flags & (syn|ack) == syn numgen inc mod 9 < 3 drop }",
    )


IGNORED = bytes.fromhex("0000000c060200000000") + bytes(6)
"""SSH_MSG_IGNORE (RFC 4253, 11.2), with nothing in it."""
RESET = "peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\npeer.close()"
WEB = "peer.recv(100)\npeer.sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n')\npeer.close()"
PORT = "tcp dport 22"

CASES = (
    Case("stopped", "sshd does not run", "refused", ("sshd-disabled", "sshd-config-error"), _nothing, quick=True),
    Case("other-port", "sshd listens at 2222", "refused", ("sshd-port-moved",), lambda lab: lab.sshd(port=2222),
         quick=True),
    Case("tcp-reset", "REJECT with tcp-reset", "refused", ("ufw-no-ssh-rule", "nft-drop"),
         _input(f"{PORT} reject with tcp reset")),
    Case("port-unreachable", "REJECT, the default", "rejected", ("ufw-no-ssh-rule", "fail2ban-ban"),
         _input(f"{PORT} reject"), quick=True),
    Case("admin-prohibited", "REJECT with admin-prohibited", "rejected", ("firewalld-no-ssh",),
         _input(f"{PORT} reject with icmpx type admin-prohibited")),
    Case("host-prohibited", "REJECT with host-prohibited", "rejected", ("fw-policy-drop",),
         _input(f"{PORT} reject with icmp type host-prohibited")),
    Case("host-unreachable", "REJECT with host-unreachable", "rejected", ("nft-drop",),
         _input(f"{PORT} reject with icmp type host-unreachable")),
    Case("net-unreachable", "REJECT with net-unreachable", "rejected", ("nft-drop",),
         _input(f"{PORT} reject with icmp type net-unreachable")),
    Case("prot-unreachable", "REJECT with prot-unreachable", "rejected", ("nft-drop",),
         _input(f"{PORT} reject with icmp type prot-unreachable")),
    Case("ban-rejects", "the client's address alone is rejected", "rejected", ("fail2ban-ban", "fw-allowlist"),
         _input(f"ip saddr 10.9.1.0/24 {PORT} reject")),
    Case("drop", "the server drops port 22", "dropped", ("ufw-no-ssh-rule", "fw-policy-drop", "fail2ban-ban"),
         _input(f"{PORT} drop"), quick=True),
    Case("drop-replies", "the server drops its answers", "dropped", ("fw-reply-blocked",),
         _server("chain o { type filter hook output priority 0; tcp sport 22 drop }")),
    Case("drop-all-but-web", "drop policy, ports 80 and 443 allowed", "dropped", ("ufw-no-ssh-rule",),
         _server("chain i { type filter hook input priority 0; policy drop; ct state established accept;"
             " tcp dport 80 accept; tcp dport 443 accept }")),
    Case("drop-all", "the server drops everything", "silent", ("fw-policy-drop", "ufw-no-ssh-rule"),
         _input("drop")),
    Case("network-down", "the server's network is down", "host-unreachable", ("net-unconfigured", "nic-renamed"),
         _network_down),
    Case("no-gateway", "the server has no way back", "silent", ("net-no-gateway",),
         _no_gateway),
    Case("router-drops", "the provider's firewall drops port 22", "dropped", ("fw-policy-drop",),
         _forward(f"{PORT} drop")),
    Case("router-rejects", "a router rejects port 22 (admin-prohibited)", "filtered-on-the-way", (),
         _forward(f"{PORT} reject with icmpx type admin-prohibited")),
    Case("router-port", "a router rejects port 22 (port-unreachable)", "filtered-on-the-way", (),
         _forward(f"{PORT} reject")),
    Case("prohibit-route", "a router's prohibit route", "filtered-on-the-way", (), _nothing, PROHIBITED),
    Case("far-down", "nobody has the address, seen by the router", "host-unreachable", ("fstab-emergency", "boot-kernel"),
         _nothing, NOBODY_FAR),
    Case("unrouted", "a router knows no way", "network-unreachable", (), _nothing, UNROUTED),
    Case("blackhole", "a router's blackhole", "silent", ("fstab-emergency",), _nothing, BLACKHOLED),
    Case("near-down", "nobody has the address, on the own network", "no-neighbour", ("net-unconfigured",), _nothing,
         NOBODY_NEAR),
    Case("no-route", "the client has no route", "no-route", (), _no_route, quick=True),
    Case("client-rejects", "the client's own firewall rejects", "forbidden-here", (), _client_rejects),
    Case("no-name", "the name server does not answer", "no-name-service", (), _nothing, "nosuch.example"),
    Case("six-dropped", "IPv6 is dropped, IPv4 is open", "asks", ("key-missing",), _six_dropped, NAME),
    Case("six-only", "IPv6 alone is asked, and dropped", "dropped", ("fw-ipv6-only",), _six_dropped, SERVER6),
    Case("flaky", "a limit loses the first connection", "asks", ("key-missing",), _limited),
    Case("hangs", "sshd is stopped in the middle (SIGSTOP)", "no-greeting", ("disk-full",), _stopped),
    Case("data-dropped", "the server's data is dropped", "no-greeting", ("fw-reply-blocked",),
         _server("chain o { type filter hook output priority 0; tcp sport 22 tcp flags & psh == psh drop }")),
    Case("closes", "accepted and closed", "closed", ("hosts-deny",), _says("peer.close()"), imitated=True),
    Case("resets", "accepted and reset", "closed", ("hosts-deny",), _says(RESET), imitated=True),
    Case("hosts-deny", "hosts.deny", "closed", ("hosts-deny",), _hosts_deny, quick=True),
    Case("no-privsep", "sshd's directory is gone: each connection fails", "closed", ("sshd-privsep-directory",),
         _no_privsep),
    Case("max-startups", "MaxStartups is reached", "too-many", ("sshd-maxstartups",), _max_startups, quick=True),
    Case("penalty", "PerSourcePenalties (its words, from OpenSSH 9.8)", "penalty", (),
         _says("peer.sendall(b'Not allowed at this time\\r\\n')\npeer.close()"), imitated=True),
    Case("web", "a web server at the port", "web-server", ("fw-redirect",), _says(WEB), imitated=True),
    Case("mail", "a mail server at the port", "other-program", ("sshd-port-moved",),
         _says("peer.sendall(b'220 mail.test ESMTP\\r\\n')\ntime.sleep(60)"), imitated=True),
    Case("tarpit", "endless lines before the greeting", "other-program", (),
         _says("while True:\n    peer.sendall(b'x' * 30 + b'\\r\\n')\n    time.sleep(0.2)"), imitated=True),
    Case("endless", "endless bytes", "other-program", (), _says("while True:\n    peer.sendall(b'\\x1b[2J' * 4096)"), imitated=True),
    Case("endless-ssh", "a greeting, then endless bytes", "unbounded", (),
         _says(f"peer.sendall(b'SSH-2.0-\\x1b]0;x\\x07\\r\\n')\nwhile True:\n    peer.sendall({IGNORED!r} * 4096)"), imitated=True),
    Case("drip", "a greeting, a byte a second", "no-greeting", (),
         _says("for each in b'SSH-2.0-OpenSSH_9.2':\n    peer.sendall(bytes([each]))\n    time.sleep(1)"), imitated=True),
    Case("stalled", "data is dropped behind the greeting", "stalled", ("fw-reply-blocked",),
         _server("chain o { type filter hook output priority 0; tcp sport 22 meta length > 120 drop }")),
    Case("mtu", "large packets get lost, and the ICMP with them", "mtu", ("net-mtu",), _mtu),
    Case("kex", "no common key exchange", "no-common-algorithm", ("sshd-algo-mismatch",),
         _sshd("KexAlgorithms diffie-hellman-group1-sha1")),
    Case("cipher", "no common cipher", "no-common-algorithm", ("sshd-algo-mismatch",), _sshd("Ciphers aes128-cbc")),
    Case("host-key-type", "no common host key type", "no-common-algorithm", ("sshd-algo-mismatch",),
         lambda lab: lab.sshd(f"HostKey {lab.folder}/host_rsa", "HostKeyAlgorithms ssh-rsa")),
    Case("crashes", "the connection ends behind the greeting", "closed-in-exchange", ("sshd-binary-broken", "hosts-deny"),
         _says("peer.sendall(b'SSH-2.0-OpenSSH_9.9\\r\\n')\npeer.recv(100)\npeer.close()"), imitated=True),
    Case("host-key", "another host key than in known_hosts", "host-key", (), _host_key),
    Case("open", "all is well, keys and passwords", "asks", ("key-missing", "account-missing", "strictmodes-perms"),
         _sshd(), quick=True),
    Case("open-keys", "keys alone", "asks", ("password-login-off", "key-missing"),
         _sshd("PasswordAuthentication no", "KbdInteractiveAuthentication no")),
    Case("open-user", "DenyUsers", "asks", ("sshd-allow-deny",), _sshd("DenyUsers root")),
    Case("open-root", "PermitRootLogin no", "asks", ("sshd-permitrootlogin",), _sshd("PermitRootLogin no")),
    Case("open-methods", "AuthenticationMethods publickey,password", "asks", ("sshd-auth-methods",),
         _sshd("AuthenticationMethods publickey,password")),
    Case("open-algorithms", "PubkeyAcceptedAlgorithms without the key's kind", "asks", ("sshd-algo-mismatch",),
         _sshd("PubkeyAcceptedAlgorithms rsa-sha2-512")),
    Case("open-nologin", "ForceCommand of a session that ends", "asks", ("sshd-forcecommand",),
         _sshd("ForceCommand /bin/false")),
)  # fmt: skip
