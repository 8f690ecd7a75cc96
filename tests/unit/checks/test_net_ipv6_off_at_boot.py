from ipaddress import ip_address

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry
from tests.checking import causes, changed_paths, diff, mended_if_agreed, only_finding
from tests.unit.checks.test_boot_command_line import booting
from tests.unit.checks.test_boot_kernel import CFG, UUID, entry

pytestmark = pytest.mark.unit

CHECK = "net-ipv6-off-at-boot"
SIX, FOUR = Client(sources=(ip_address("2001:db8::7"),)), Client(sources=(ip_address("198.51.100.7"),))
BOTH = Client(sources=(*SIX.sources, *FOUR.sources))
GRUB = "/etc/default/grub"


def test_the_kernel_starts_without_ipv6() -> None:
    tree = booting("quiet ipv6.disable=1 net.ifnames=0", {GRUB: 'GRUB_CMDLINE_LINUX="ipv6.disable=1"\n'})
    finding = only_finding(tree, CHECK, SIX)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.UNREACHABLE)
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE]
    plan = mended_if_agreed(tree, SIX)
    assert sorted(changed_paths(plan)) == sorted([CFG, GRUB])
    assert diff(plan, CFG)[1] == [f"  linux /boot/vmlinuz-6.1-new root=UUID={UUID} ro quiet net.ifnames=0"]
    assert diff(plan, GRUB)[1] == ['GRUB_CMDLINE_LINUX=""']


@pytest.mark.parametrize("words", ["ipv6.disable=0 ipv6.disable=1", "ipv6.disable=1 ipv6.disable_ipv6=1"])
def test_all_its_words_go(words: str) -> None:
    assert "ipv6" not in diff(mended_if_agreed(booting(words), SIX), CFG)[1][0]


def test_the_program_that_configures_the_network_may_enable_it_again() -> None:
    tree = booting("ipv6.disable_ipv6=1")
    assert only_finding(tree, CHECK, SIX).severity is Severity.DOUBTFUL
    again: dict[str, Entry | str | bytes] = {"/etc/sysctl.d/60-ipv6.conf": "net.ipv6.conf.all.disable_ipv6 = 0\n"}
    assert causes(booting("ipv6.disable_ipv6=1", again), SIX) == []
    # Of a kernel that has no IPv6, no setting can enable it.
    assert causes(booting("ipv6.disable=1", again), SIX) == [CHECK]


@pytest.mark.parametrize(
    "words",
    [
        "quiet", "ipv6.disable=0", "ipv6.disable=1 ipv6.disable=0", "ipv6.disable", "quiet -- ipv6.disable=1",
        "xipv6.disable=1", "ipv6.disable_ipv6=0", "ipv6.autoconf=0", "$kernelopts", "ipv6.disable=no",
    ],
)  # fmt: skip
def test_words_that_leave_ipv6_on(words: str) -> None:
    assert causes(booting(words), SIX) == []


@pytest.mark.parametrize("client", [FOUR, BOTH, Client()])
def test_who_does_not_need_ipv6_is_not_told(client: Client) -> None:
    assert causes(booting("ipv6.disable=1"), client) == []


def test_another_entry_and_the_settings_of_the_next_update_are_no_finding() -> None:
    assert causes(booting("quiet", more=entry("6.1-old").replace(" quiet", " ipv6.disable=1")), SIX) == []
    assert causes(booting("quiet", {GRUB: 'GRUB_CMDLINE_LINUX="ipv6.disable=1"\n'}), SIX) == []
