from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity
from rescue.planner import any_repairs
from rescue.tree import Entry, Tree, directory, symlink
from tests.checking import causes, diff, mended, only_finding
from tests.networks import CAME_UP, networkd, networked

pytestmark = pytest.mark.unit

PATH = "/etc/sysctl.d/99-hardening.conf"
SIX = Client(sources=(ip_address("2001:db8:1::7"),))
FOUR = Client(sources=(ip_address("198.51.100.7"),))
KERNEL: dict[str, str | Entry] = {"/usr/lib/modules/6.1.0-18-amd64": directory()}


def tree_of(text: str, **files: str | Entry | None) -> Tree:
    return networked({**networkd("Name=e*"), **KERNEL, PATH: text, **files}, CAME_UP)


def test_no_answer_to_arp() -> None:
    tree = tree_of("# mine\nnet.ipv4.conf.all.arp_ignore = 8\nnet.ipv4.ip_forward=0\n")
    finding = only_finding(tree, "net-sysctl")
    assert finding.severity is Severity.BROKEN
    plan = mended(tree)
    assert diff(plan, PATH) == (["net.ipv4.conf.all.arp_ignore = 8"], ["#net.ipv4.conf.all.arp_ignore = 8"])


@pytest.mark.parametrize(
    "line",
    [
        "net.ipv6.conf.all.disable_ipv6=1", "net/ipv6/conf/all/disable_ipv6 = 1", "-net.ipv6.conf.all.disable_ipv6=1",
        "net.ipv6.conf.*.disable_ipv6=1", "net.ipv6.conf.eth0.disable_ipv6=1",
    ],
)  # fmt: skip
def test_ipv6_is_missed_by_whoever_comes_over_it(line: str) -> None:
    tree = tree_of(f"{line}\n")
    finding = only_finding(tree, "net-sysctl", SIX)
    assert finding.severity is Severity.BROKEN
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE]
    mended(tree, SIX, any_repairs)
    assert causes(tree, FOUR) == []
    assert causes(tree) == []


def test_no_more_modules_is_a_doubt() -> None:
    tree = tree_of("kernel.modules_disabled=1\n")
    assert only_finding(tree, "net-sysctl").severity is Severity.DOUBTFUL
    mended(tree, choose=any_repairs)


def test_an_interface_that_is_not_known_is_a_doubt() -> None:
    text = "net.ipv4.conf.eth0.arp_ignore=8\n"
    assert only_finding(networked({**networkd("Name=e*"), **KERNEL, PATH: text}), "net-sysctl").reason
    assert causes(tree_of("net.ipv4.conf.ens9.arp_ignore=8\n")) == []


@pytest.mark.parametrize(
    "text",
    [
        "", "# net.ipv4.conf.all.arp_ignore=8\n", "; net.ipv4.conf.all.arp_ignore=8\n",
        "net.ipv4.conf.all.arp_ignore=1\n",
        "net.ipv4.conf.all.arp_ignore\n", "net.ipv4.conf.all.arp_ignore=\n", "net.ipv4.conf.all.arp_ignore=8x\n",
        "net.ipv4.conf.all.arp_ignore=8\nnet.ipv4.conf.all.arp_ignore=0\n", "net.ipv4.conf.lo.arp_ignore=8\n",
        "kernel.modules_disabled=0\n", "net.ipv4.conf.docker0.arp_ignore=8\n", "\udcff\n=\n-\n",
    ],
)  # fmt: skip
def test_states_that_are_none(text: str) -> None:
    assert causes(tree_of(text)) == []


def test_a_file_that_does_not_count() -> None:
    bad = "net.ipv4.conf.all.arp_ignore=8\n"
    assert causes(tree_of("", **{"/etc/sysctl.conf": bad})) == []
    assert causes(tree_of("", **{"/etc/sysctl.d/99-mine.conf.old": bad})) == []
    assert causes(tree_of("", **{"/usr/lib/sysctl.d/99-hardening.conf": bad})) == []
    assert causes(tree_of(bad, **{"/etc/sysctl.d/99-z.conf": "net.ipv4.conf.all.arp_ignore=0\n"})) == []
    assert causes(tree_of(bad, **{"/etc/systemd/system/systemd-sysctl.service": symlink("/dev/null")})) == []


def test_the_link_that_debian_ships_brings_in_sysctl_conf() -> None:
    bad = "net.ipv4.conf.all.arp_ignore=8\n"
    link: dict[str, str | Entry] = {"/etc/sysctl.d/99-sysctl.conf": symlink("../sysctl.conf"), "/etc/sysctl.conf": bad}
    finding = only_finding(tree_of("", **link), "net-sysctl")
    assert str(finding.locations[0]) == "/etc/sysctl.conf:1"


def test_a_container_has_its_hosts_kernel() -> None:
    gone: dict[str, str | Entry | None] = {"/usr/lib/modules/6.1.0-18-amd64": None}
    assert only_finding(tree_of("net.ipv4.conf.all.arp_ignore=8\n", **gone), "net-sysctl").severity is Severity.DOUBTFUL
    assert causes(tree_of("kernel.modules_disabled=1\n", **gone)) == []


def test_a_link_in_a_circle_is_no_file() -> None:
    circle = {"/etc/sysctl.d/a.conf": symlink("b.conf"), "/etc/sysctl.d/b.conf": symlink("a.conf")}
    assert causes(tree_of("", **circle)) == []
