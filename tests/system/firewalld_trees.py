"""firewalld's configurations that hypothesis makes up: valid ones, and some with a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from tests.firewalld import CONF, HEAD, INSTALLED, OWN, service

Text = st.SearchStrategy[str]

V4 = ("198.51.100.0/24", "10.0.0.0/8", "10.0.0.5", "203.0.113.5/32", "10.0.0.0/255.0.0.0", "0.0.0.0/1")
V6 = ("2001:db8::/32", "2001:db8:5::5", "fd00::/8", "::/0")
NAMES = ("public", "shop", "drop", "home", "alpha", "trusted")
TARGETS = ("", "", "", "DROP", "%%REJECT%%", "ACCEPT", "default")
INTERFACES = ("eth0", "eth1", "eth+", "e+", "lo", "wlan0")

SERVICES = {
    f"{OWN}/services/door.xml": service('<port protocol="tcp" port="20-30"/>'),
    f"{OWN}/services/four.xml": service('<port protocol="tcp" port="22"/>', '<destination ipv4="192.0.2.1"/>'),
    f"{OWN}/services/six.xml": service('<port protocol="tcp" port="22"/>', '<destination ipv6="2001:db8::/64"/>'),
    f"{OWN}/services/all.xml": service('<protocol value="tcp"/>'),
    f"{OWN}/services/more.xml": service('<include service="web"/>', '<port protocol="udp" port="22"/>'),
    f"{OWN}/services/web.xml": service('<include service="more"/>', '<include service="ssh"/>'),
    f"{OWN}/services/from.xml": service('<source-port protocol="tcp" port="1-65535"/>'),
}
USED = ("ssh", "ssh", "http", "door", "four", "six", "all", "more", "web", "from")

LISTS = {
    f"{OWN}/ipsets/near.xml": f'{HEAD}<ipset type="hash:net"><entry>10.0.0.0/8</entry><entry>8.8.8.8</entry></ipset>\n',
    f"{OWN}/ipsets/one.xml": f'{HEAD}<ipset type="hash:ip"><entry>198.51.100.7</entry><entry>junk</entry></ipset>\n',
    f"{OWN}/ipsets/six.xml": f'{HEAD}<ipset type="hash:net"><option name="family" value="inet6"/>'
    "<entry>2001:db8::/32</entry></ipset>\n",
}


def pick(*items: str) -> Text:
    return st.sampled_from(items)


def some(texts: Text, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(texts, max_size=most, unique=True)


@st.composite
def endpoint(draw: st.DrawFn, name: str, family: str) -> str:
    """A source or destination of a rich rule, or nothing."""
    if not draw(st.booleans()):
        return ""
    invert = draw(pick("", "", ' invert="True"'))
    if family:
        own = ("192.0.2.1", "192.0.2.0/24") if family == "ipv4" else ("2001:db8::1",)
        values = own if name == "destination" else V4 if family == "ipv4" else V6[:3]
        listed = ("near", "one") if family == "ipv4" else ("six",)
        address = draw(st.sampled_from([f'address="{each}"' for each in values]))
        return f"<{name} {draw(pick(address, *(f'ipset={chr(34)}{each}{chr(34)}' for each in listed)))}{invert}/>"
    if name == "destination":
        return ""
    return f'<{name} ipset="{draw(pick("near", "one", "six"))}"{invert}/>'


@st.composite
def rule(draw: st.DrawFn) -> str:
    """A rich rule."""
    family = draw(pick("ipv4", "ipv4", "ipv6", ""))
    priority = draw(st.sampled_from((0, 0, 0, -1, -10, 5, 100)))
    about = draw(
        st.one_of(
            st.just(""),
            st.sampled_from([f'<service name="{name}"/>' for name in ("ssh", "door", "web", "all")]),
            pick('<port port="22" protocol="tcp"/>', '<port port="1-1024" protocol="tcp"/>',
                 '<port port="22" protocol="udp"/>', '<protocol value="tcp"/>', '<protocol value="icmp"/>',
                 '<source-port port="1024-65535" protocol="tcp"/>'),
        )
    )  # fmt: skip
    answers = ("icmp-host-prohibited", "port-unreach") if family == "ipv4" else ("adm-prohibited", "no-route")
    rejects = tuple(f'<reject type="{answer}"/>' for answer in answers) if family else ()
    action = draw(pick("<accept/>", "<accept/>", "<drop/>", "<reject/>", *rejects))
    ends = draw(endpoint("source", family)) + draw(endpoint("destination", family))
    if not (about or ends or priority):
        about = '<service name="ssh"/>'
    attributes = (f' family="{family}"' if family else "") + (f' priority="{priority}"' if priority else "")
    log = draw(pick("", "", '<log prefix="x"/>'))
    return f"<rule{attributes}>{ends}{about}{log}{action}</rule>"


def settings_of(most: int = 3) -> st.SearchStrategy[list[str]]:
    """What zones and policies have alike."""
    plain = st.one_of(
        st.sampled_from([f'<service name="{name}"/>' for name in USED]),
        pick('<port port="22" protocol="tcp"/>', '<port port="2222" protocol="tcp"/>',
             '<port port="10-1000" protocol="tcp"/>', '<port port="22" protocol="udp"/>', '<protocol value="tcp"/>',
             '<protocol value="udp"/>', '<source-port port="1-65535" protocol="tcp"/>',
             '<icmp-block name="echo-request"/>'),
    )  # fmt: skip
    return st.tuples(some(plain, most), some(rule(), most)).map(lambda both: [*both[0], *both[1]])


@st.composite
def zones(draw: st.DrawFn, pairs: bool) -> dict[str, str]:
    """Zone files: interfaces and sources are each in one zone."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    sources = draw(st.permutations([*(f'address="{each}"' for each in (*V4, *V6)), 'ipset="near"', 'ipset="six"']))
    interfaces = draw(st.permutations(INTERFACES))
    files = {}
    for name in names:
        lines = draw(settings_of())
        for _ in range(draw(st.integers(0, 2)) if draw(st.booleans()) else 0):
            lines.append(f"<source {sources.pop()}/>")
        if draw(st.integers(0, 3)) == 0:
            lines.append(f'<interface name="{interfaces.pop()}"/>')
        target = draw(st.sampled_from(TARGETS))
        attributes = f' target="{target}"' if target else ""
        if pairs and draw(st.booleans()):
            attributes += f' ingress-priority="{draw(st.sampled_from((-5, 0, 7)))}"'
        if draw(st.integers(0, 9)) == 0:
            lines.append("<icmp-block-inversion/>")
        folder = f"{name}.xml" if draw(st.integers(0, 5)) else f"{name}/part.xml"
        files[f"{OWN}/zones/{folder}"] = written("zone", attributes, lines)
    return files


@st.composite
def policies(draw: st.DrawFn) -> dict[str, str]:
    files = {}
    for name in draw(st.lists(pick("first", "second"), max_size=2, unique=True)):
        ingress = draw(
            st.one_of(st.just(["ANY"]), st.lists(st.sampled_from(NAMES[:4]), min_size=1, max_size=2, unique=True))
        )
        ends = [*(f'<ingress-zone name="{each}"/>' for each in ingress), '<egress-zone name="HOST"/>']
        if draw(st.integers(0, 4)) == 0:
            ends = ['<ingress-zone name="HOST"/>', f'<egress-zone name="{draw(pick("ANY", "public"))}"/>']
        # Two of one priority are put in an order of their own.
        priority = {"first": draw(st.sampled_from((-5, -1, 3))), "second": draw(st.sampled_from((-7, -2, 10)))}[name]
        attributes = f' target="{draw(pick("CONTINUE", "CONTINUE", "ACCEPT", "REJECT", "DROP"))}" priority="{priority}"'
        files[f"{OWN}/policies/{name}.xml"] = written("policy", attributes, [*ends, *draw(settings_of(2))])
    return files


KEYFILE = "/etc/NetworkManager/system-connections/x.nmconnection"
"""A connection of NetworkManager, which tells firewalld of its zone."""

DIRECT = (
    "-p tcp --dport 22 -j DROP", "-s 10.0.0.0/8 -j DROP", "-p tcp --dport 22 -j ACCEPT", "-s 198.51.100.7 -j REJECT",
    "-p tcp --dport 22 -s 198.51.100.0/24,10.0.0.0/8 -j ACCEPT", "-m state --state NEW -j DROP",
)  # fmt: skip


@st.composite
def direct(draw: st.DrawFn) -> dict[str, str]:
    if draw(st.integers(0, 3)):
        return {}
    lines = []
    for text in draw(st.lists(st.sampled_from(DIRECT), min_size=1, max_size=3, unique=True)):
        chain = draw(pick("INPUT", "INPUT_direct", "INPUT"))
        priority = draw(st.sampled_from((-1, 0, 1)))
        lines.append(f'<rule ipv="ipv4" table="filter" chain="{chain}" priority="{priority}">{text}</rule>')
    return {f"{OWN}/direct.xml": written("direct", "", lines)}


@st.composite
def trees(draw: st.DrawFn, pairs: bool = False, sets: bool = True) -> dict[str, str]:
    """The files of a configuration, over those that firewalld is installed with.

    pairs: for firewalld 2. sets: with ipsets; the server has no ipset(8), which some need.
    """
    conf = [f"DefaultZone={draw(pick('public', 'public', *NAMES, 'nowhere'))}"]
    conf.append(f"FirewallBackend={draw(pick('nftables', 'nftables', 'iptables'))}")
    conf.append(f"IPv6_rpfilter={draw(pick('yes', 'no'))}")
    conf.append(f"LogDenied={draw(pick('off', 'off', 'all'))}")
    made = {CONF: "\n".join([*conf, ""]), **draw(zones(pairs)), **draw(policies()), **draw(direct())}
    if draw(st.integers(0, 3)) == 0:
        made[KEYFILE] = f"[connection]\nid=x\ninterface-name=eth0\nzone={draw(pick('', 'public', 'drop', 'trusted'))}\n"
    if not sets or "FirewallBackend=iptables" in conf or (pairs and f"{OWN}/direct.xml" in made):
        return {path: _without_sets(text) for path, text in made.items()}
    return made


def _without_sets(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if "ipset=" not in line)


def whole(made: Mapping[str, str]) -> dict[str, str]:
    """A configuration with all that those of `trees` may refer to."""
    files = {path: text for path, text in INSTALLED.items() if isinstance(text, str)}
    lists = LISTS if any("ipset=" in text for text in made.values()) else {}
    return {**files, **SERVICES, **lists, **made}


MISTAKES = (
    '<service name="none"/>', '<port port="70000" protocol="tcp"/>', '<port port="22" protocol="tpc"/>',
    '<port port="22"/>', "<nonsense/>", '<source address="10.0.0.0/33"/>', '<interface name="a b"/>',
    '<interface name="averylonginterface"/>', '<icmp-block name="none"/>', '<service name="ssh" x="y"/>', "<service>",
    '<rule priority="x"><drop/></rule>', '<rule><source address="10.0.0.1"/><drop/></rule>', "<rule><accept/></rule>",
    '<rule family="ipv5"><drop/></rule>', '<rule family="ipv4"><source address="2001:db8::1"/><drop/></rule>',
    '<rule family="ipv4"><source/><drop/></rule>', "<rule><service/><accept/></rule>", '<source ipset="none"/>',
    '<rule><service name="none"/><accept/></rule>', '<rule><source ipset="none"/><drop/></rule>',
    '<rule priority="99999"><drop/></rule>', '<rule family="ipv4" priority="1"><reject type="junk"/></rule>',
    '<forward-port port="22" protocol="tcp"/>', '<protocol value="300"/>', '<source address="10.0.0.0/8" invert="y"/>',
    '<rule priority="1"><accept><limit value="0/m"/></accept></rule>', '<source/>', "<short><b>x</b></short>", "&amp;",
    '<rule family="ipv4"><destination address="192.0.2.1"/><service name="four"/><drop/></rule>', "&none;", "\x07",
    '<rule family="ipv4"><destination ipset="none"/><drop/></rule>', '<rule family="ipv4" priority="-5"><drop/></rule>',
    '<port port="30-20" protocol="tcp"/>', '<port port="ssh" protocol="tcp"/>', '<port port="" protocol="tcp"/>',
)  # fmt: skip
"""Lines in a zone that firewalld may not take."""


def written(name: str, attributes: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{HEAD}<{name}{attributes}>", *(f"  {line}" for line in lines), f"</{name}>", ""])
