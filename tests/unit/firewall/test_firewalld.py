"""firewalld's files read: what counts, in which order, and what its core makes of mistakes. What was found to differ
from firewalld itself stays here by name."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from rescue.firewall import Firewall, Kind, Verdict, reach
from rescue.firewall.boot import active_firewalls, reload
from rescue.firewall.firewalld.conf import read_conf
from rescue.firewall.firewalld.load import FALLBACK
from rescue.tree import Entry, Tree
from tests.firewalld import CONF, DHCP, HEAD, INSTALLED, OWN, PUBLIC, SSH, STOCK, VERSION, rule, service, zone
from tests.unit.firewall.files import Started

pytestmark = pytest.mark.unit

ME, OTHER = "203.0.113.5", "198.51.100.7"
IPTABLES = "FirewallBackend=iptables\n"
DIRECT = f"{OWN}/direct.xml"


def loaded(files: Mapping[str, str | Entry]) -> Firewall:
    (found,) = active_firewalls(Tree.of({**INSTALLED, **files}), Started("firewalld.service"))
    return found


def verdict(files: Mapping[str, str | Entry], source: str = ME, port: int = 22, interface: str = "eth0") -> Verdict:
    address = ip_address(source)
    here = reach([loaded(files)], port, address.version, interface=interface, discovery=True)
    return here.verdict_for(address)


def kind(files: Mapping[str, str | Entry], source: str = ME, port: int = 22, interface: str = "eth0") -> Kind:
    return verdict(files, source, port, interface).kind


def how(files: Mapping[str, str | Entry], source: str = ME) -> str:
    return verdict(files, source).how


def fell_back(files: Mapping[str, str | Entry]) -> bool:
    return any(problem.lost == FALLBACK for problem in loaded(files).problems)


def policy(
    *lines: str, target: str = "CONTINUE", priority: int = -1, ingress: str = "ANY", egress: str = "HOST"
) -> str:
    ends = [f'<ingress-zone name="{ingress}"/>', f'<egress-zone name="{egress}"/>', *lines]
    return (
        zone(*ends).replace("<zone>", f'<policy target="{target}" priority="{priority}">').replace("/zone", "/policy")
    )


def direct(*rules: str) -> str:
    return "\n".join([f"{HEAD}<direct>", *rules, "</direct>", ""])


def direct_rule(text: str, priority: int = 0, chain: str = "INPUT") -> str:
    return f'<rule ipv="ipv4" table="filter" chain="{chain}" priority="{priority}">{text}</rule>'


# -- zones ------------------------------------------------------------------------------------------------------------


def test_a_file_of_etc_replaces_the_installed_one_as_a_whole() -> None:
    assert kind({}) is Kind.ACCEPT
    assert kind({PUBLIC: zone(DHCP)}) is Kind.REJECT


def test_targets_answer_each_in_its_way() -> None:
    assert how({PUBLIC: zone()}) == how({PUBLIC: zone(target="%%REJECT%%")}) == "icmp-admin-prohibited"
    assert how({PUBLIC: zone()}, "2001:db8::7") == "icmp6-adm-prohibited"
    assert kind({PUBLIC: zone(target="DROP")}) is Kind.DROP
    assert kind({PUBLIC: zone(target="ACCEPT")}) is Kind.ACCEPT
    assert kind({PUBLIC: zone(target="default")}) is Kind.REJECT


def test_the_iptables_backend_has_answers_of_its_own() -> None:
    assert how({CONF: IPTABLES, PUBLIC: zone()}) == "icmp-port-unreachable"
    assert how({CONF: IPTABLES, PUBLIC: zone(target="%%REJECT%%")}) == "icmp-host-prohibited"


def test_a_target_of_default_in_so_many_words_is_no_target_at_all() -> None:
    assert how({CONF: IPTABLES, PUBLIC: zone(target="default")}) == "icmp-host-prohibited"
    files = {f"{OWN}/zones/shop.xml": zone(f'<source address="{ME}"/>', target="default")}
    assert kind(files) is Kind.REJECT
    assert kind({**files, VERSION: "VERSION = '2.3.1'\n"}) is Kind.ACCEPT  # goes on to the default zone
    assert kind({PUBLIC: zone(target="default"), VERSION: "VERSION = '2.3.1'\n"}) is Kind.REJECT


def test_a_source_comes_before_an_interface_and_both_before_the_default() -> None:
    files = {
        f"{OWN}/zones/shop.xml": zone(f'<source address="{ME}"/>', target="DROP"),
        f"{OWN}/zones/alpha.xml": zone(SSH, '<interface name="eth0"/>'),
        PUBLIC: zone(),
    }
    assert kind(files) is Kind.DROP
    assert kind(files, OTHER) is Kind.ACCEPT
    assert kind(files, OTHER, interface="eth1") is Kind.REJECT


def test_sources_are_asked_by_their_zones_names_before_2_and_by_priority_since() -> None:
    files = {
        f"{OWN}/zones/alpha.xml": zone('<source address="203.0.113.0/24"/>', target="DROP"),
        f"{OWN}/zones/beta.xml": zone(SSH, f'<source address="{ME}"/>'),
    }
    assert kind(files) is Kind.DROP
    two = {**files, VERSION: "VERSION = '2.3.1'\n"}
    assert kind(two) is Kind.DROP
    first = files[f"{OWN}/zones/beta.xml"].replace("<zone>", '<zone ingress-priority="-1">')
    assert kind({**two, f"{OWN}/zones/beta.xml": first}) is Kind.ACCEPT
    assert fell_back({**files, f"{OWN}/zones/beta.xml": first})  # 1.x does not know the attribute


def test_an_interface_that_is_not_known_is_a_doubt() -> None:
    files = {
        f"{OWN}/zones/inner.xml": zone(SSH, '<interface name="eth0"/>'),
        f"{OWN}/zones/outer.xml": zone('<interface name="eth1"/>'),
        PUBLIC: zone(),
    }
    found = reach([loaded(files)], 22, 4).verdict_for(ip_address(ME))
    assert found.kind is Kind.DEPENDS
    assert "the network interface" in found.reason


def test_an_interface_that_networkmanager_brings_comes_before_those_of_the_files() -> None:
    keyfile = "/etc/NetworkManager/system-connections/x.nmconnection"
    files = {
        **INSTALLED,
        f"{OWN}/zones/trusted.xml": zone('<interface name="e+"/>', target="DROP"),
        keyfile: "[connection]\ninterface-name=eth0\n",
    }
    (found,) = active_firewalls(Tree.of(files), Started("firewalld.service", "NetworkManager.service"))
    assert reach([found], 22, 4, interface="eth0").verdict_for(ip_address(ME)).kind is Kind.ACCEPT
    assert reach([found], 22, 4, interface="eth1").verdict_for(ip_address(ME)).kind is Kind.DROP


@pytest.mark.parametrize("connection, expected", [
    ("type=ethernet\nzone=drop\n", Kind.DEPENDS),
    ("zone=public\n", Kind.ACCEPT),
    ("type=wifi\nzone=drop\n", Kind.ACCEPT),
    ("zone=nowhere\n", Kind.ACCEPT),
    ("", Kind.ACCEPT),
])  # fmt: skip
def test_a_connection_for_any_card_is_a_doubt_where_it_has_a_zone(connection: str, expected: Kind) -> None:
    keyfile = "/etc/NetworkManager/system-connections/x.nmconnection"
    files = {**INSTALLED, keyfile: f"[connection]\nid=x\n{connection}"}
    (found,) = active_firewalls(Tree.of(files), Started("firewalld.service", "NetworkManager.service"))
    assert reach([found], 22, 4).verdict_for(ip_address(ME)).kind is expected


def test_the_files_of_a_folder_make_one_zone_without_a_target() -> None:
    files = {f"{OWN}/zones/public/a.xml": zone(target="DROP"), f"{OWN}/zones/public/b.xml": zone(SSH)}
    assert kind(files) is Kind.ACCEPT
    assert kind(files, port=80) is Kind.REJECT


def test_a_mac_address_is_a_doubt() -> None:
    assert kind({f"{OWN}/zones/shop.xml": zone('<source address="02:00:00:00:00:01"/>')}) is Kind.DEPENDS


def test_backups_are_not_read() -> None:
    assert kind({f"{PUBLIC}.old": zone(), f"{OWN}/zones/x.xml~": "<"}) is Kind.ACCEPT


# -- services and ports -----------------------------------------------------------------------------------------------


def test_a_service_of_etc_replaces_the_installed_one() -> None:
    assert kind({f"{OWN}/services/ssh.xml": service('<port protocol="tcp" port="2222"/>')}) is Kind.REJECT


def test_included_services_count_and_rings_end() -> None:
    files = {
        PUBLIC: zone('<service name="a"/>'),
        f"{OWN}/services/a.xml": service('<include service="b"/>'),
        f"{OWN}/services/b.xml": service('<include service="a"/>', '<include service="ssh"/>'),
    }
    assert kind(files) is Kind.ACCEPT


def test_a_service_for_one_family_is_for_that_alone() -> None:
    six = service('<port protocol="tcp" port="22"/>', '<destination ipv6="::/0"/>')
    files = {PUBLIC: zone('<service name="six"/>'), f"{OWN}/services/six.xml": six}
    assert kind(files) is Kind.REJECT
    assert kind(files, "2001:db8::7") is Kind.ACCEPT


@pytest.mark.parametrize("line", ['<port port="20-30" protocol="tcp"/>', '<protocol value="tcp"/>',
                                  '<port port="ssh" protocol="tcp"/>', '<port port="30-20" protocol="tcp"/>',
                                  '<source-port port="0-65535" protocol="tcp"/>'])  # fmt: skip
def test_other_ways_to_let_ssh_in(line: str) -> None:
    assert kind({PUBLIC: zone(line)}) is Kind.ACCEPT


def test_a_port_of_udp_is_none_of_tcp() -> None:
    assert kind({PUBLIC: zone('<port port="22" protocol="udp"/>')}) is Kind.REJECT


def test_a_forwarded_port_is_a_doubt() -> None:
    forward = '<forward-port port="22" protocol="tcp" to-port="2222"/>'
    assert kind({PUBLIC: zone(SSH, forward)}) is Kind.DEPENDS
    assert kind({PUBLIC: zone(SSH, forward)}, "2001:db8::7") is Kind.ACCEPT
    assert kind({PUBLIC: zone(SSH, forward.replace("22", "80", 1))}) is Kind.ACCEPT


# -- rich rules -------------------------------------------------------------------------------------------------------


def test_what_denies_comes_first_at_priority_zero_whatever_the_order() -> None:
    accept, drop = rule(f'<source address="{ME}"/>', "<accept/>"), rule('<source address="203.0.113.0/24"/>', "<drop/>")
    assert kind({PUBLIC: zone(accept, drop)}) is kind({PUBLIC: zone(drop, accept)}) is Kind.DROP


def test_priorities_decide_before_and_after() -> None:
    drop = rule(SSH, "<drop/>", family="", priority=-10)
    accept = rule(SSH, "<accept/>", family="", priority=-11)
    assert kind({PUBLIC: zone(SSH, drop)}) is Kind.DROP
    assert kind({PUBLIC: zone(drop, accept)}) is Kind.ACCEPT
    assert kind({PUBLIC: zone(SSH, drop.replace("-10", "10"))}) is Kind.ACCEPT


def test_a_set_is_a_source() -> None:
    near = f'{HEAD}<ipset type="hash:net"><entry>203.0.113.0/24</entry><entry>junk</entry></ipset>\n'
    files = {f"{OWN}/ipsets/near.xml": near, PUBLIC: zone(SSH, rule('<source ipset="near"/>', "<drop/>", family=""))}
    assert kind(files) is Kind.DROP
    assert kind(files, OTHER) is kind(files, "2001:db8::7") is Kind.ACCEPT
    inverted = files[PUBLIC].replace('"near"', '"near" invert="yes"')
    assert kind({**files, PUBLIC: inverted}, OTHER) is Kind.DROP


def test_a_set_with_a_time_limit_begins_empty() -> None:
    near = f'<ipset type="hash:net"><option name="timeout" value="60"/><entry>{ME}</entry></ipset>'
    files = {f"{OWN}/ipsets/near.xml": near, PUBLIC: zone(SSH, rule('<source ipset="near"/>', "<drop/>", family=""))}
    assert kind(files) is Kind.ACCEPT


def test_networks_of_a_set_that_lie_in_each_other_stop_firewalld() -> None:
    near = '<ipset type="hash:net"><entry>10.0.0.0/8</entry><entry>10.1.0.0/16</entry></ipset>'
    assert fell_back({f"{OWN}/ipsets/near.xml": near})


def test_sets_of_the_iptables_backend_need_the_program_ipset() -> None:
    files = {f"{OWN}/ipsets/near.xml": '<ipset type="hash:net"/>', CONF: IPTABLES}
    assert fell_back(files)
    assert not fell_back({**files, "/usr/sbin/ipset": "x"})
    assert not fell_back({**files, CONF: ""})


def test_a_limit_is_taken_for_not_used_up() -> None:
    limited = rule(SSH, '<accept><limit value="3/m"/></accept>', family="")
    found = verdict({PUBLIC: zone(limited)})
    assert found.kind is Kind.ACCEPT
    assert any("rate limits" in note for note in found.assumed)


@pytest.mark.parametrize("wrong", ["<rule><accept/></rule>", '<rule family="ipv5"><drop/></rule>',
                                   '<rule><source address="10.0.0.1"/><drop/></rule>',
                                   '<rule priority="99999"><drop/></rule>'])  # fmt: skip
def test_a_rule_with_a_mistake_is_left_out_by_1_x_and_fatal_to_2_3(wrong: str) -> None:
    assert not fell_back({PUBLIC: zone(SSH, wrong)})
    assert fell_back({PUBLIC: zone(SSH, wrong), VERSION: "VERSION = '2.3.1'\n"})
    assert kind({PUBLIC: zone(SSH, wrong), VERSION: "VERSION = '2.1.0'\n"}) is Kind.DEPENDS


@pytest.mark.parametrize("wrong", ['<rule priority="x"><drop/></rule>', '<rule family="ipv4"><source/><drop/></rule>',
                                   '<rule><service name="none"/><accept/></rule>'])  # fmt: skip
def test_a_rule_that_can_not_be_made_at_all_is_fatal(wrong: str) -> None:
    assert fell_back({PUBLIC: zone(wrong)})


# -- policies ---------------------------------------------------------------------------------------------------------


def test_a_policy_of_a_negative_priority_comes_before_the_zone() -> None:
    path = f"{OWN}/policies/shut.xml"
    assert kind({path: policy(target="DROP")}) is Kind.DROP
    assert kind({path: policy(target="DROP", priority=1)}) is Kind.ACCEPT
    assert kind({path: policy(target="REJECT", priority=1), PUBLIC: zone(target="DROP")}) is Kind.REJECT
    assert kind({path: policy(SSH), PUBLIC: zone()}) is Kind.ACCEPT


def test_a_policy_of_a_zone_without_interfaces_counts_since_2_alone() -> None:
    files = {f"{OWN}/policies/shut.xml": policy(target="DROP", ingress="public")}
    assert kind(files) is Kind.ACCEPT
    assert kind({**files, VERSION: "VERSION = '2.3.1'\n"}) is Kind.DROP
    assert kind({**files, PUBLIC: zone(SSH, '<interface name="eth0"/>')}) is Kind.DROP


def test_a_policy_between_other_zones_is_no_matter() -> None:
    assert kind({f"{OWN}/policies/shut.xml": policy(target="DROP", egress="home")}) is Kind.ACCEPT


# -- direct rules -----------------------------------------------------------------------------------------------------


def test_direct_rules_come_first_and_their_accept_is_not_the_end() -> None:
    assert kind({DIRECT: direct(direct_rule("-p tcp --dport 22 -j DROP"))}) is Kind.DROP
    assert kind({DIRECT: direct(direct_rule("-p tcp --dport 22 -j ACCEPT")), PUBLIC: zone()}) is Kind.REJECT


def test_with_the_iptables_backend_their_accept_is_the_end() -> None:
    accept = direct(direct_rule("-p tcp --dport 22 -j ACCEPT"))
    assert kind({DIRECT: accept, PUBLIC: zone(), CONF: IPTABLES}) is Kind.ACCEPT


@pytest.mark.parametrize("chain", ["INPUT", "INPUT_direct"])
def test_the_iptables_backend_has_the_chain_by_both_names(chain: str) -> None:
    files = {DIRECT: direct(direct_rule("-p tcp --dport 22 -j DROP", chain=chain)), CONF: IPTABLES}
    assert kind(files) is Kind.DROP


def test_direct_rules_are_in_the_order_of_their_priorities() -> None:
    rules = [direct_rule("-j DROP", 5), direct_rule(f"-s {ME} -j ACCEPT", -3)]
    assert kind({DIRECT: direct(*rules)}) is Kind.ACCEPT
    assert kind({DIRECT: direct(*rules)}, OTHER) is Kind.DROP


def test_two_names_of_a_chain_are_counted_each_by_itself() -> None:
    rules = [direct_rule("-j DROP", -1), direct_rule("-p tcp --dport 22 -j ACCEPT", -1, "INPUT_direct")]
    assert kind({DIRECT: direct(*rules)}) is Kind.ACCEPT  # the first of its name goes to the very front


def test_lists_of_addresses_are_split_and_chains_of_ones_own_are_made() -> None:
    own = '<chain ipv="ipv4" table="filter" chain="bans"/>'
    jump = direct_rule(f"-s {OTHER},{ME} -p tcp -j bans")
    assert kind({DIRECT: direct(own, direct_rule("-j DROP", chain="bans"), jump)}) is Kind.DROP


def test_a_passthrough_rule_counts_too() -> None:
    text = '<passthrough ipv="ipv4">-t filter -I INPUT 1 -p tcp --dport 22 -j REJECT</passthrough>'
    assert how({DIRECT: direct(text)}) == "icmp-port-unreachable"


def test_a_direct_rule_that_iptables_refuses_stops_firewalld() -> None:
    assert fell_back({DIRECT: direct(direct_rule("--dport 22 -j DROP"))})


def test_a_direct_file_that_is_no_xml_is_only_told_in_the_log() -> None:
    assert not fell_back({DIRECT: "<direct>"})


# -- the configuration as a whole -------------------------------------------------------------------------------------


def test_the_first_definition_of_a_key_counts() -> None:
    conf = read_conf("DefaultZone=home\nDefaultZone=drop\n# IPv6_rpfilter=no\nLogDenied=\nRFC3964_IPv4 = no\n")
    assert (conf.default_zone, conf.reverse_path_filter, conf.refuses_6to4, conf.nftables) == (
        "home",
        True,
        False,
        True,
    )


def test_a_default_zone_that_is_not_there_is_public() -> None:
    assert kind({CONF: "DefaultZone=nowhere\n"}) is Kind.ACCEPT


@pytest.mark.parametrize("path", ["zones/z.xml", "services/s.xml", "ipsets/i.xml", "policies/p.xml", "icmptypes/t.xml",
                                  "helpers/h.xml"])  # fmt: skip
def test_a_mistake_in_any_file_of_etc_makes_all_of_it_void(path: str) -> None:
    files: dict[str, str | Entry] = {PUBLIC: zone(), f"{OWN}/{path}": "<x"}
    assert fell_back(files)
    assert kind(files) is Kind.ACCEPT


def test_zones_have_to_be_there() -> None:
    files = dict(INSTALLED)
    del files[f"{STOCK}/zones/trusted.xml"]
    (found,) = active_firewalls(Tree.of(files), Started("firewalld.service"))
    assert "does not start" in found.problems[0].lost


def test_what_a_newer_version_may_know_is_a_doubt() -> None:
    files = {PUBLIC: zone('<novelty name="x"/>')}
    assert fell_back(files)
    assert kind({**files, VERSION: "VERSION = '2.9.0'\n"}) is Kind.DEPENDS


def test_entities_are_not_followed() -> None:
    bomb = '<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><zone>&b;</zone>'
    assert kind({PUBLIC: bomb}) is Kind.DEPENDS
    assert kind({PUBLIC: '<!DOCTYPE z SYSTEM "file:///etc/shadow"><zone/>'}) is Kind.DEPENDS


@pytest.mark.parametrize("junk", ["", "\0\xff", "<" * 5000, "<a>" * 100, "<zone>" + "<short/>" * 260_000 + "</zone>"])
def test_junk_is_no_traceback(junk: str) -> None:
    assert kind({PUBLIC: junk}) in (Kind.ACCEPT, Kind.DEPENDS)


def test_every_rule_has_its_file_and_line() -> None:
    found = verdict({PUBLIC: zone(SSH, "<!-- two", "lines -->", rule(f'<source address="{ME}"/>', "<drop/>"))})
    assert str(found.decisions[0].location) == f"{PUBLIC}:7"
    assert found.decisions[0].location.text.startswith('<rule family="ipv4"><source')


def test_firewalld_is_reloaded_from_a_changed_tree() -> None:
    tree = Tree.of({**INSTALLED})
    (before,) = active_firewalls(tree, Started("firewalld.service"))
    after = reload(tree.write(PUBLIC, zone()), before)
    assert after is not None
    assert reach([after], 22).verdict_for(ip_address(ME)).kind is Kind.REJECT


def test_what_a_rule_of_an_unused_zone_names_has_to_be_there_since_2() -> None:
    files = {f"{OWN}/zones/shop.xml": zone(rule('<service name="none"/>', "<drop/>", family=""))}
    assert not fell_back(files)
    assert fell_back({**files, VERSION: "VERSION = '2.3.1'\n"})


def test_a_source_without_an_address_is_fatal_since_2() -> None:
    assert not fell_back({PUBLIC: zone(SSH, "<source/>")})
    assert fell_back({PUBLIC: zone(SSH, "<source/>"), VERSION: "VERSION = '2.3.1'\n"})


def test_sets_beside_direct_rules_need_the_program_ipset_since_2() -> None:
    files = {f"{OWN}/ipsets/near.xml": '<ipset type="hash:net"/>', DIRECT: direct(direct_rule("-j RETURN"))}
    two = {**files, VERSION: "VERSION = '2.3.1'\n"}
    assert not fell_back(files)
    assert fell_back(two)
    assert not fell_back({**two, "/usr/sbin/ipset": "x"})
    assert not fell_back({**two, DIRECT: direct()})


def test_an_included_service_has_to_be_there() -> None:
    assert fell_back({f"{OWN}/services/a.xml": service('<include service="none"/>')})


OLD = {VERSION: "VERSION = '0.9.3'\n"}


def test_before_1_0_the_iptables_backend_refuses_what_no_zone_has_taken() -> None:
    assert how({**OLD, CONF: IPTABLES, PUBLIC: zone()}) == "icmp-host-prohibited"
    assert kind(OLD) is Kind.ACCEPT


@pytest.mark.parametrize("files", [
    {PUBLIC: zone(rule('<destination ipset="near"/>', "<accept/>"))},
    {PUBLIC: zone('<source address="10.0.0.0/255.0.0.0"/>')},
    {f"{OWN}/policies/shut.xml": policy(target="DROP")},
    {f"{OWN}/ipsets/near.xml": '<ipset type="hash:net"/>'},
    {CONF: "AllowZoneDrifting=yes\n", f"{OWN}/zones/home.xml": zone('<source address="10.0.0.0/8"/>')},
])  # fmt: skip
def test_what_differs_before_1_0_and_is_not_followed_is_a_doubt(files: Mapping[str, str | Entry]) -> None:
    assert kind({**files, **OLD}) is Kind.DEPENDS
