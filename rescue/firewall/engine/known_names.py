"""Protocols and ports by name, for servers whose own lists were not captured: protocols(5), services(5)."""

from __future__ import annotations

PROTOCOLS = {
    "ip": 0, "hopopt": 0, "all": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ip-encap": 4, "st": 5, "tcp": 6,
    "egp": 8, "igp": 9, "pup": 12, "udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33,
    "xtp": 36, "ddp": 37, "idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46,
    "gre": 47, "esp": 50, "ipsec-esp": 50, "ah": 51, "ipsec-ah": 51, "skip": 57, "ipv6-icmp": 58, "icmpv6": 58,
    "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ospfigp": 89, "ax.25": 93,
    "ipip": 94, "etherip": 97, "encap": 98, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124,
    "sctp": 132, "fc": 133, "mobility-header": 135, "ipv6-mh": 135, "mh": 135, "udplite": 136, "mpls-in-ip": 137,
    "manet": 138, "hip": 139, "shim6": 140, "wesp": 141, "rohc": 142, "ethernet": 143,
}  # fmt: skip
"""Protocol names of protocols(5) that firewalls use; 0 means all."""

SERVICES = {
    "ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68,
    "tftp": 69, "finger": 79, "http": 80, "www": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "auth": 113,
    "nntp": 119, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap2": 143, "imap": 143,
    "snmp": 161, "snmp-trap": 162, "bgp": 179, "irc": 194, "ldap": 389, "https": 443, "microsoft-ds": 445,
    "submissions": 465, "urd": 465, "smtps": 465, "syslog": 514, "printer": 515, "submission": 587, "ipp": 631,
    "ldaps": 636, "domain-s": 853, "rsync": 873, "imaps": 993, "pop3s": 995, "socks": 1080, "openvpn": 1194,
    "ms-sql-s": 1433, "radius": 1812, "nfs": 2049, "mysql": 3306, "ms-wbt-server": 3389, "svn": 3690, "mdns": 5353,
    "sip": 5060, "postgresql": 5432, "x11": 6000, "http-alt": 8080, "webmin": 10000,
}  # fmt: skip
"""Port names of services(5), for servers whose own list was not captured."""
