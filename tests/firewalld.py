"""A literal server whose only firewall is firewalld, with what of /usr/lib/firewalld matters to SSH."""

from __future__ import annotations

from collections.abc import Mapping

from rescue.tree import Entry, Tree, directory, symlink
from tests.trees import server

STOCK = "/usr/lib/firewalld"
OWN = "/etc/firewalld"
CONF = f"{OWN}/firewalld.conf"
PUBLIC = f"{OWN}/zones/public.xml"
VERSION = "/usr/lib/python3/dist-packages/firewall/config/__init__.py"

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'


def zone(*lines: str, target: str = "") -> str:
    """A zone's file."""
    start = f'<zone target="{target}">' if target else "<zone>"
    return "\n".join([HEAD + start, "  <short>Zone</short>", *(f"  {line}" for line in lines), "</zone>", ""])


def service(*lines: str) -> str:
    """A service's file."""
    return zone(*lines).replace("zone>", "service>")


def rule(*lines: str, family: str = "ipv4", priority: int = 0) -> str:
    """A rich rule on one line."""
    attributes = (f' family="{family}"' if family else "") + (f' priority="{priority}"' if priority else "")
    return f"<rule{attributes}>{''.join(lines)}</rule>"


SSH = '<service name="ssh"/>'
DHCP = '<service name="dhcpv6-client"/>'

ALLOW_IPV6 = f"""{HEAD}<policy target="CONTINUE" priority="-15000">
  <ingress-zone name="ANY"/>
  <egress-zone name="HOST"/>
  <rule family="ipv6"><icmp-type name="neighbour-advertisement"/><accept/></rule>
  <rule family="ipv6"><icmp-type name="neighbour-solicitation"/><accept/></rule>
</policy>
"""

ICMP_TYPE = f"{HEAD}<icmptype>\n  <short>Type</short>\n  <description>A type.</description>\n</icmptype>\n"

INSTALLED: Mapping[str, Entry | str] = {
    f"{OWN}/zones": directory(0o750),
    CONF: "# firewalld config file\n\nDefaultZone=public\nIPv6_rpfilter=yes\nFirewallBackend=nftables\n",
    VERSION: "VERSION = '1.3.3'\n",
    f"{STOCK}/icmptypes/echo-request.xml": ICMP_TYPE,
    f"{STOCK}/icmptypes/neighbour-advertisement.xml": ICMP_TYPE.replace("<d", '<destination ipv6="yes"/>\n  <d'),
    f"{STOCK}/icmptypes/neighbour-solicitation.xml": ICMP_TYPE.replace("<d", '<destination ipv6="yes"/>\n  <d'),
    f"{STOCK}/policies/allow-host-ipv6.xml": ALLOW_IPV6,
    f"{STOCK}/services/dhcpv6-client.xml": service('<port protocol="udp" port="546"/>'),
    f"{STOCK}/services/http.xml": service('<port protocol="tcp" port="80"/>'),
    f"{STOCK}/services/ssh.xml": service('<port protocol="tcp" port="22"/>'),
    f"{STOCK}/zones/block.xml": zone("<forward/>", target="%%REJECT%%"),
    f"{STOCK}/zones/drop.xml": zone("<forward/>", target="DROP"),
    f"{STOCK}/zones/home.xml": zone(SSH, DHCP, "<forward/>"),
    f"{STOCK}/zones/public.xml": zone(SSH, DHCP, "<forward/>"),
    f"{STOCK}/zones/trusted.xml": zone("<forward/>", target="ACCEPT"),
}
"""firewalld as it is installed."""


def with_firewalld(files: Mapping[str, Entry | str | bytes | None] | None = None) -> Tree:
    """A server on which firewalld starts, with files by their paths."""
    unit = "/usr/lib/systemd/system/firewalld.service"
    return server(
        {
            "/etc/systemd/system/multi-user.target.wants/ufw.service": None,
            "/etc/systemd/system/multi-user.target.wants/firewalld.service": symlink(unit),
            unit: "[Unit]\nBefore=network-pre.target\n[Service]\nType=dbus\nExecStart=/usr/sbin/firewalld --nofork\n"
            "[Install]\nWantedBy=multi-user.target\n",
            **INSTALLED,
            **(files or {}),
        }
    )
