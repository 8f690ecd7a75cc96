"""Saved ipsets: what is loaded of a file, and whom a rule means that asks for a set."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings

from rescue.firewall import Firewall, Kind, active_firewalls, reach
from rescue.firewall.boot import names_of
from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.conditions import Doubt
from rescue.firewall.engine.packet import TCP, Packet
from rescue.firewall.ipset import load as ipset
from rescue.firewall.ipset.load import IpSets, read_sets
from rescue.firewall.ipset.match import InSet
from rescue.firewall.ipset_edit import let_in
from rescue.firewall.iptables.load import Loader
from rescue.model import Location
from rescue.tree import Tree, file
from tests.system.test_ipset_kernel import saved as saved_sets
from tests.unit.firewall.files import Started

pytestmark = pytest.mark.unit

FILE = PurePosixPath("/etc/iptables/ipsets")
SYN = Packet(4, True, TCP, 22, frozenset(["SYN"]), "NEW", interface="eth0", server=ip_address("192.0.2.1"))
REPLY = Packet(4, False, TCP, 22, frozenset(["SYN", "ACK"]), "ESTABLISHED", interface="eth0")


def read(*lines: str) -> IpSets:
    return read_sets("".join(f"{line}\n" for line in lines), FILE)


def who(held: IpSets, name: str, sides: str = "src", packet: Packet = SYN, *, negated: bool = False) -> object:
    answer = InSet(held.sets[name], tuple(side == "src" for side in sides.split(",")), held, negated).on(packet)
    return sorted(answer.networks()) if isinstance(answer, AddressSet) else answer


def test_addresses_and_networks_are_those_of_the_client() -> None:
    held = read("create a hash:ip", "add a 192.0.2.7", "create b hash:net", "add b 10.1.2.3/8", "add b 10.9.0.0/16")
    assert who(held, "a") == ["192.0.2.7"]
    assert who(held, "b") == ["10.0.0.0/8"]
    assert who(held, "b", packet=REPLY) is False or isinstance(who(held, "b", packet=REPLY), Doubt)
    assert who(held, "b", "dst", REPLY) == ["10.0.0.0/8"]
    assert who(held, "a", negated=True) == sorted((~AddressSet.network("192.0.2.7")).networks())


def test_the_most_specific_network_decides() -> None:
    held = read("create a hash:net", "add a 10.0.0.0/8", "add a 10.1.0.0/16 nomatch", "add a 10.1.2.0/24")
    found = who(held, "a")
    assert isinstance(found, list)
    inside = [AddressSet.network(each) for each in found]
    told = {"10.2.0.1": True, "10.1.0.1": False, "10.1.2.1": True, "11.0.0.1": False}
    assert {text: any(ip_address(text) in each for each in inside) for text in told} == told


def test_further_dimensions_are_the_port_the_server_and_the_interface() -> None:
    held = read(
        "create p hash:ip,port", "add p 10.0.0.1,22", "add p 10.0.0.2,udp:22", "add p 10.0.0.3,tcp:20-25",
        "create s hash:ip,port,ip", "add s 10.0.0.1,22,192.0.2.1", "add s 10.0.0.2,22,192.0.2.2",
        "create i hash:net,iface", "add i 10.0.0.0/30,eth0", "add i 10.1.0.0/30,eth1",
    )  # fmt: skip
    assert who(held, "p", "src,dst") == ["10.0.0.1", "10.0.0.3"]
    assert who(held, "s", "src,dst,dst") == ["10.0.0.1"]
    assert who(held, "i", "src,src") == ["10.0.0.0/30"]
    assert who(held, "p") is False  # a set of two dimensions, asked with one


def test_a_list_of_sets_is_any_of_them_and_another_version_is_none() -> None:
    held = read("create a hash:ip", "add a 10.0.0.1", "create b hash:net family inet6", "add b 2001:db8::/32",
                "create l list:set", "add l a", "add l b")  # fmt: skip
    assert who(held, "l") == ["10.0.0.1"]
    assert who(held, "b") is False


def test_a_set_of_ports_is_for_everybody() -> None:
    held = read("create a bitmap:port range 0-1023", "add a 20-25")
    assert who(held, "a", "dst") is True
    assert who(held, "a", "src") is False


def test_a_netmask_widens_what_a_set_holds() -> None:
    assert who(read("create a hash:ip netmask 24", "add a 10.0.0.7"), "a") == ["10.0.0.0/24"]


@pytest.mark.parametrize(
    "line",
    ["add gone 10.0.0.1", "add a 10.0.0.256", "add a 10.0.0.0/33", "add a 2001:db8::1", "create b hash:what", "b",
     "create b hash:ip family x", "add a 10.0.0.1 what", "create " + "x" * 32 + " hash:ip", "create a hash:net"],
)  # fmt: skip
def test_what_cannot_be_obeyed_ends_the_load(line: str) -> None:
    held = read("create a hash:ip", "add a 10.0.0.1", "create y hash:ip", line, "add a 10.0.0.2", "create z hash:ip")
    assert [problem.location.line for problem in held.problems] == [4]
    assert who(held, "a") == ["10.0.0.1"]
    assert "z" not in held.sets


def test_comments_empty_lines_and_what_counts_for_nothing_are_passed_over() -> None:
    held = read("# of mine", "", "create a hash:ip counters comment timeout 600 hashsize 64",
                'add a 10.0.0.1 timeout 5 packets 1 bytes 2 comment "nomatch me"', "del a 10.0.0.9")  # fmt: skip
    assert held.problems == ()
    assert who(held, "a") == ["10.0.0.1"]


def test_a_small_set_is_full_at_a_line_and_a_large_one_somewhere() -> None:
    small = read("create a hash:ip maxelem 2", *(f"add a 10.0.0.{at}" for at in range(4)))
    assert [problem.location.line for problem in small.problems] == [4]
    large = read("create a hash:ip maxelem 3000", *(f"add a 10.0.{at // 256}.{at % 256}" for at in range(3001)))
    assert large.problems == ()
    assert isinstance(who(large, "a"), Doubt)


def test_a_whole_class_of_single_addresses_is_not_looked_at() -> None:
    held = read("create a hash:ip maxelem 99999999", "add a 10.0.0.0/8", "create b hash:ip", "add b 10.0.0.1")
    assert isinstance(who(held, "a"), Doubt)
    assert isinstance(who(held, "b"), Doubt)  # if the load has ended there, it is empty


def test_many_lines_for_many_addresses_end_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipset, "MOST_ELEMENTS", 100_000)
    lines = ["create a hash:ip,port,ip", *("add a 10.0.0.0/16,22,10.0.0.1" for _ in range(20_000))]
    held = read(*lines)
    assert not held.whole
    assert held.problems == ()


def test_junk_is_a_line_that_cannot_be_obeyed() -> None:
    held = read_sets(bytes(range(256)).decode("utf-8", "surrogateescape"), FILE)
    assert held.sets == {}
    assert len(held.problems) == 1


@pytest.mark.parametrize(
    "line", ["add gone 10.0.0.1", "add one", "sing one", "create three hash:what", "add one 300.1.1.1"]
)
def test_what_was_added_last_is_lost_where_ipset_gives_up_at_a_line(line: str) -> None:
    held = read_sets(f"create one hash:ip\nadd one 10.0.0.1\ncreate two hash:ip\nadd two 10.0.0.2\n{line}\n", FILE)
    assert (len(held.sets["one"].members), len(held.sets["two"].members), len(held.problems)) == (1, 0, 1)


@pytest.mark.parametrize("line", ["flush gone", "destroy gone", "create one hash:net", "COMMIT\nadd gone 10.0.0.1"])
def test_what_was_added_last_stays_where_the_kernel_refuses_a_line(line: str) -> None:
    held = read_sets(f"create one hash:ip\nadd one 10.0.0.1\n{line}\n", FILE)
    assert (len(held.sets["one"].members), len(held.problems)) == (1, 1)


def test_of_many_elements_before_such_a_line_some_are_loaded() -> None:
    many = "".join(f"add one 10.0.0.{last}\n" for last in range(50))
    assert read_sets(f"create one hash:ip\n{many}add gone 10.0.0.1\n", FILE).sets["one"].doubt


# -- at boot ----------------------------------------------------------------------------------------------------------

PLUGINS = "/usr/share/netfilter-persistent/plugins.d"
RULES = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set bad src -j DROP\nCOMMIT\n"
LOADED = {f"{PLUGINS}/{name}": file("", 0o755) for name in ("10-ipset", "15-ip4tables", "25-ip6tables")}


def verdict(sets: str | None, rules: str = RULES, plugins: bool = True) -> tuple[Kind, int]:
    """What becomes of 10.0.0.1, and how many things do not load."""
    entries = {**(LOADED if plugins else {}), "/etc/iptables/rules.v4": file(rules)}
    if sets is not None:
        entries[str(FILE)] = file(sets)
    (firewall,) = active_firewalls(Tree.of(entries), Started("netfilter-persistent.service"))
    return reach([firewall], 22).verdict_for(ip_address("10.0.0.1")).kind, len(firewall.problems)


def test_sets_are_loaded_before_the_rules_that_ask_for_them() -> None:
    assert verdict("create bad hash:ip\nadd bad 10.0.0.1\n") == (Kind.DROP, 0)
    assert verdict("create bad hash:ip\nadd bad 10.0.0.2\n") == (Kind.ACCEPT, 0)


def test_without_the_set_the_whole_table_does_not_load() -> None:
    shut = RULES.replace("INPUT ACCEPT", "INPUT DROP")
    assert verdict("create good hash:ip\n", shut) == (Kind.ACCEPT, 1)
    assert verdict(None, shut) == (Kind.ACCEPT, 1)


def test_the_line_that_ends_the_load_of_the_sets_is_told() -> None:
    entries = {**LOADED, "/etc/iptables/rules.v4": file(RULES), str(FILE): file("create other hash:what\n")}
    (firewall,) = active_firewalls(Tree.of(entries), Started("netfilter-persistent.service"))
    (problem,) = firewall.problems
    assert "/etc/iptables/ipsets:1 ends their load" in problem.message


def test_where_nothing_is_known_to_load_sets_it_depends() -> None:
    assert verdict("create bad hash:ip\nadd bad 10.0.0.1\n", plugins=False)[0] is Kind.DEPENDS


def test_the_service_of_fedoras_kind_loads_them_too() -> None:
    sets = "create bad hash:net\nadd bad 10.0.0.0/8\n"
    tree = Tree.of({"/etc/sysconfig/iptables": RULES, "/etc/sysconfig/ipset": sets})
    (firewall,) = active_firewalls(tree, Started("iptables.service", "ipset.service"))
    assert reach([firewall], 22).verdict_for(ip_address("10.0.0.1")).kind is Kind.DROP


def test_a_set_that_is_asked_for_the_servers_address_gets_no_line_for_the_client() -> None:
    """The client was taken out of it, as if the rule asked for where packets come from."""
    path, sets = PurePosixPath("/etc/iptables/rules.v4"), PurePosixPath("/etc/iptables/ipsets")
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set more dst -j DROP\nCOMMIT\n"
    tree = Tree.of({str(path): text, str(sets): "create more hash:ip\nadd more 192.0.2.1\n"})
    loader = Loader(4, names_of(tree, sets))
    loader.restore(text, path)
    made = Firewall("iptables-persistent", Location(path), {4: loader.ruleset()}, {4: (path,)}, sets=sets)
    (rule,) = (rule for _, rule in made.ruleset(4).rules())
    with pytest.raises(ValueError, match=r"no line for 192\.0\.2\.1 alone"):
        let_in(tree, made, 22, (ip_address("192.0.2.1"),), rule)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(saved_sets())
def test_most_lines_are_read_in_a_short_way_that_leads_to_the_same(text: str) -> None:
    quick = ipset.read_sets.__wrapped__(text, FILE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ipset, "_usual", lambda line, number, sets: "")
        whole = ipset.read_sets.__wrapped__(text, FILE)
    assert quick.problems == whole.problems
    assert list(quick.sets) == list(whole.sets)
    for one, other in zip(quick.sets.values(), whole.sets.values(), strict=True):
        assert (one.members, one.count, one.doubt) == (other.members, other.count, other.doubt)
