"""What tests of the firewall share: ufw's files in short, saved rules, units that start at boot, one kind of server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from rescue.firewall import Firewall, Reach, reach
from rescue.firewall.engine.packet import ICMP
from rescue.firewall.iptables.load import Loader
from rescue.model import Client, Location
from rescue.tree import Entry, Tree, symlink
from tests.trees import server

V4, V6 = "/etc/iptables/rules.v4", "/etc/iptables/rules.v6"
USER, USER6 = "/etc/ufw/user.rules", "/etc/ufw/user6.rules"
BEFORE = "/etc/ufw/before.rules"

DEFAULTS = """\
IPV6=yes
DEFAULT_INPUT_POLICY="DROP"
DEFAULT_OUTPUT_POLICY="ACCEPT"
DEFAULT_FORWARD_POLICY="DROP"
DEFAULT_APPLICATION_POLICY="SKIP"
MANAGE_BUILTINS=no
IPT_SYSCTL=/etc/ufw/sysctl.conf
IPT_MODULES=""
"""


@dataclass(frozen=True)
class _Unit:
    started: bool

    def values(self, section: str, key: str) -> tuple[()]:
        """No unit here says how it is started."""
        return ()


class Started:
    """Units of which only some start at boot."""

    def __init__(self, *names: str) -> None:
        self.names = names

    @property
    def reached(self) -> tuple[str, ...]:
        """The units that the boot pulls in."""
        return self.names

    def unit(self, name: str) -> _Unit:
        return _Unit(name in self.names)


def before(version: int) -> str:
    """What of before.rules matters to TCP, as ufw is installed."""
    kind = "ufw" if version == 4 else "ufw6"
    lines = ["*filter", *(f":{kind}-before-{way} - [0:0]" for way in ("input", "output", "forward"))]
    lines += [f"-A {kind}-before-input -i lo -j ACCEPT", f"-A {kind}-before-output -o lo -j ACCEPT"]
    related = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    lines += [f"-A {kind}-before-{way} {related}" for way in ("input", "output", "forward")]
    lines += [f"-A {kind}-before-input -m conntrack --ctstate INVALID -j {kind}-logging-deny"]
    lines += [f"-A {kind}-before-input -m conntrack --ctstate INVALID -j DROP"]
    lines += [f"-A {kind}-before-input -p {ICMP[version]} -j ACCEPT"]
    if version == 4:
        lines[4:4] = [":ufw-not-local - [0:0]"]
        lines += ["-A ufw-before-input -j ufw-not-local", "-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN"]
        lines += ["-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny"]
        lines += ["-A ufw-not-local -j DROP"]
    return "\n".join([*lines, "COMMIT", ""])


def after(version: int) -> str:
    """What of after.rules matters to TCP, as ufw is installed."""
    kind = "ufw" if version == 4 else "ufw6"
    lines = ["*filter", *(f":{kind}-after-{way} - [0:0]" for way in ("input", "output", "forward"))]
    return "\n".join([*lines, f"-A {kind}-after-input -p tcp --dport 445 -j {kind}-skip-to-policy-input", "COMMIT", ""])


def user(version: int, *rules: str) -> str:
    """A user.rules file as the command ufw writes it, at log level low. rules: "TUPLE\\n-A ..." each, no chain named.

    "%" stands for the chain of the rules for incoming packets.
    """
    kind = "ufw" if version == 4 else "ufw6"
    ways = ("input", "output", "forward")
    parts = [*(f"user-{way}" for way in ways), *(f"before-logging-{way}" for way in ways)]
    parts += [*(f"user-logging-{way}" for way in ways), *(f"after-logging-{way}" for way in ways)]
    parts += ["logging-deny", "logging-allow", "user-limit", "user-limit-accept"]
    lines = ["*filter", *(f":{kind}-{part} - [0:0]" for part in parts), "### RULES ###"]
    for rule in rules:
        lines += ["", *("### tuple ### " + rule.replace("%", f"{kind}-user-input")).split("\n")]
    few = "-m limit --limit 3/min --limit-burst 10"
    lines += ["", "### END RULES ###", "", "### LOGGING ###"]
    lines += [f'-A {kind}-after-logging-{way} -j LOG --log-prefix "[UFW BLOCK] " {few}' for way in ("input", "forward")]
    lines += [f"-I {kind}-logging-deny -m conntrack --ctstate INVALID -j RETURN {few}"]
    lines += [f'-A {kind}-logging-deny -j LOG --log-prefix "[UFW BLOCK] " {few}']
    lines += [f'-A {kind}-logging-allow -j LOG --log-prefix "[UFW ALLOW] " {few}', "### END LOGGING ###", ""]
    lines += ["### RATE LIMITING ###"]
    lines += [f'-A {kind}-user-limit -m limit --limit 3/minute -j LOG --log-prefix "[UFW LIMIT BLOCK] "']
    lines += [f"-A {kind}-user-limit -j REJECT", f"-A {kind}-user-limit-accept -j ACCEPT"]
    return "\n".join([*lines, "### END RATE LIMITING ###", "COMMIT", ""])


def allow(port: int | str, source: str = "0.0.0.0/0", verb: str = "allow", note: str = "") -> str:
    """One of ufw's rules for TCP, for `user`."""
    only = "" if source in ("0.0.0.0/0", "::/0") else f" -s {source}"
    target = {"allow": "ACCEPT", "deny": "DROP", "reject": "REJECT --reject-with tcp-reset"}[verb]
    everyone = "::/0" if ":" in source else "0.0.0.0/0"
    return f"{verb} tcp {port} {everyone} any {source} in{note}\n-A % -p tcp --dport {port}{only} -j {target}"


LIMIT = (
    "limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"
    "-A % -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --set\n"
    "-A % -p tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit\n"
    "-A % -p tcp --dport 22 -j ufw-user-limit-accept"
)
"""``ufw limit 22/tcp``."""


def ufw_files(*rules: str) -> dict[str, Entry | str | bytes | None]:
    """The files of a ufw that is on, with these rules of its user, each in the file of its IP version."""
    six = [rule for rule in rules if "::/0" in rule]
    return {
        "/etc/default/ufw": DEFAULTS,
        "/etc/ufw/ufw.conf": "ENABLED=yes\nLOGLEVEL=low\n",
        BEFORE: before(4),
        "/etc/ufw/before6.rules": before(6),
        "/etc/ufw/after.rules": after(4),
        "/etc/ufw/after6.rules": after(6),
        USER: user(4, *(rule for rule in rules if rule not in six)),
        USER6: user(6, *six),
    }


def with_ufw(*rules: str, **changes: Entry | str | bytes | None) -> Tree:
    """The healthy server with ufw on. changes: contents by the part of the path behind /etc/, "_" for "/"."""
    files = ufw_files(*rules)
    files.update({f"/etc/{name.replace('__', '/')}": value for name, value in changes.items()})
    return server(files)


PERSISTENT: Mapping[str, Entry | str | bytes] = {
    "/etc/systemd/system/multi-user.target.wants/netfilter-persistent.service": symlink(
        "/lib/systemd/system/netfilter-persistent.service"
    ),
    "/usr/lib/systemd/system/netfilter-persistent.service": (
        "[Unit]\nBefore=network-pre.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        "ExecStart=/usr/sbin/netfilter-persistent start\n[Install]\nWantedBy=multi-user.target\n"
    ),
    "/usr/share/netfilter-persistent/plugins.d/15-ip4tables": "#!/bin/sh\n",
    "/usr/share/netfilter-persistent/plugins.d/25-ip6tables": "#!/bin/sh\n",
}
"""What makes a Debian server load its saved rules."""


def saved(*rules: str, policy: str = "DROP", output: str = "ACCEPT") -> str:
    """A file of iptables-save with these lines in its table filter."""
    lines = ["*filter", f":INPUT {policy} [0:0]", ":FORWARD ACCEPT [0:0]", f":OUTPUT {output} [0:0]"]
    return "\n".join([*lines, *rules, "COMMIT", ""])


RELATED = "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


def with_saved(rules: str, six: str | None = None) -> Tree:
    """The healthy server with saved rules that are loaded at boot."""
    return server({**PERSISTENT, V4: rules, **({V6: six} if six is not None else {})})


def came_from(*addresses: str) -> Client:
    return Client(sources=tuple(ip_address(each) for each in addresses))


def firewall(text: str, version: int = 4, backend: str = "nft") -> Firewall:
    """The firewall of one file of saved rules."""
    path = Tree.of({}).resolve(V4 if version == 4 else V6)
    loader = Loader(version, backend=backend)
    loader.restore(text, path)
    return Firewall("iptables-persistent", Location(path), {version: loader.ruleset()}, {version: (path,)}, backend)


def reached(text: str, port: int = 22, version: int = 4, **known: str) -> Reach:
    """Who reaches the port through one file of saved rules."""
    return reach([firewall(text, version)], port, version, interface=known.get("interface"))
