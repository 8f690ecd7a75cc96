"""Reads service and ipset files (core/io/service.py and ipset.py of firewalld)."""

from __future__ import annotations

from rescue.firewall.firewalld.faults import FirewalldError
from rescue.firewall.firewalld.grammar import Dialect
from rescue.firewall.firewalld.objects import AddressList, Named, Service
from rescue.firewall.firewalld.values import address, ports, protocol
from rescue.firewall.firewalld.xml import Element
from rescue.firewall.names import Names

_SOURCE_TYPES = "hash:ip hash:ip,port hash:ip,mark hash:net hash:net,port hash:net,iface hash:mac"
SOURCE_TYPES = frozenset(_SOURCE_TYPES.split())
"""The sets that zones and rich rules may use as a source (core/base.py)."""

TYPES = SOURCE_TYPES | {"hash:ip,port,ip", "hash:ip,port,net", "hash:net,net", "hash:net,port,net"}

OPTIONS = ("family", "timeout", "hashsize", "maxelem")


def read_service(root: Element, name: str, dialect: Dialect, names: Names) -> Service:
    """A service file. Raises FirewalldError and Unclear."""
    dialect.check("services", root)
    service = Service(name, root.location)
    destination: dict[str, str] = {}
    for element in root.children:
        here = element.location
        match element.name:
            case "port" | "source-port":
                text, of = element.get("port"), element.get("protocol")
                if text is None or of is None:
                    raise FirewalldError(f"<{element.name}> lacks port or protocol", here)
                if text == "" and element.name == "port":
                    protocol(of, here)
                    service.protocols.append(Named(of, here))
                    continue
                into = service.ports if element.name == "port" else service.source_ports
                into.append(ports(text, of, names, here))
            case "protocol":
                value = element.get("value") or ""
                protocol(value, here)
                service.protocols.append(Named(value, here))
            case "destination":
                for family, version in (("ipv4", 4), ("ipv6", 6)):
                    text = element.get(family)
                    if text is None:
                        continue
                    if address(text, here).version != version:
                        raise FirewalldError(f"not an {family} address: {text!r}", here)
                    destination.setdefault(family, text)
            case "include":
                service.includes.append(Named(element.get("service") or "", here))
    service.destination = destination
    return service


def read_list(root: Element, name: str, dialect: Dialect) -> AddressList:
    """An ipset file. Raises FirewalldError and Unclear."""
    dialect.check("ipsets", root)
    kind = root.get("type") or ""
    if kind not in TYPES:
        raise FirewalldError(f"not a kind of ipset: {kind!r}", root.location)
    found = AddressList(name, root.location, kind)
    timed = False
    for element in root.children:
        if element.name == "option":
            option, value = element.get("name"), element.get("value") or ""
            if option not in OPTIONS or (kind == "hash:mac" and option == "family"):
                raise FirewalldError(f"unknown option {option!r}", element.location)
            if option == "family":
                if value not in ("inet", "inet6"):
                    raise FirewalldError(f"not a family: {value!r}", element.location)
                found.version = 6 if value == "inet6" else 4
            elif not (value.isascii() and value.isdigit()):
                raise FirewalldError(f"{option} is not a number: {value!r}", element.location)
            elif option == "timeout":
                timed = value != "0"
        elif element.name == "entry":
            found.entries.append(Named(element.text, element.location))
    if timed:
        found.entries.clear()  # such sets are filled while the server runs
    return found
