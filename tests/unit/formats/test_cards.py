"""Which cards a server had, where it keeps no journal: by its text logs, and by leases."""

import gzip
from dataclasses import replace

import pytest

from rescue.network import Cards, card_lines_alone, seen_cards
from rescue.tree import Entry, Tree, directory, file

pytestmark = pytest.mark.unit

ISO = "2026-11-29T10:00:00.000000+00:00 server kernel: "
BSD = "Nov 29 10:00:00 server kernel: [    1.234567] "
PLAIN = "[    1.234567] "
BOOT = "Linux version 6.1.0-1-amd64 (debian-kernel@lists.debian.org)\n"
RENAMED = "e1000e 0000:00:1f.6 eno1: renamed from eth0\n"
STEP = "e1000e 0000:00:1f.6 eno1: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx\n"
DETECTED = (
    "2026-11-29 10:00:00,000 - __init__.py[DEBUG]: Detected interfaces {'ens3': {'downable': False, 'device_id': "
    "'0x1000', 'driver': 'virtio_net', 'mac': '52:54:00:00:00:01', 'name': 'ens3', 'up': True}, 'lo': {'mac': "
    "'00:00:00:00:00:00', 'up': True}}\n"
)


def cards(files: dict[str, str | bytes | Entry]) -> Cards | None:
    return seen_cards(Tree.of({"/var/log": directory(), "/etc/machine-id": "1" * 32 + "\n", **files}))


@pytest.mark.parametrize("head", [ISO, BSD, PLAIN, ISO + PLAIN, PLAIN + "kernel: "])
@pytest.mark.parametrize("name", ["kern.log", "syslog", "messages", "dmesg"])
def test_the_kernels_lines_name_the_card(name: str, head: str) -> None:
    assert cards({f"/var/log/{name}": head + RENAMED + head + STEP}) == Cards({"eno1": ""}, latest=True, up=True)


def test_what_was_said_of_a_card_before_it_had_its_name_is_of_the_same_card() -> None:
    text = f"{ISO}{BOOT}{ISO}e1000e 0000:00:1f.6 eth0: Link is Up\n{ISO}{RENAMED}"
    assert cards({"/var/log/kern.log": text}) == Cards({"eno1": ""}, latest=True, up=True)


def test_the_last_boot_counts() -> None:
    old, new = RENAMED.replace("eno1", "ens3"), RENAMED
    text = f"{ISO}{BOOT}{ISO}{old}{ISO}{BOOT}{ISO}{new}"
    assert cards({"/var/log/kern.log": text}) == Cards({"eno1": ""}, latest=True, up=False)
    none = f"{text}{ISO}{BOOT}"
    assert cards({"/var/log/kern.log": none}) == Cards({"eno1": ""}, latest=False, up=False)


def test_a_log_that_was_rotated_and_packed_tells_of_an_older_boot() -> None:
    packed = gzip.compress((ISO + RENAMED).encode())
    files: dict[str, str | bytes | Entry] = {"/var/log/kern.log.2.gz": replace(file(packed), mtime=1)}
    files["/var/log/kern.log"] = replace(file(ISO + BOOT), mtime=2)
    assert cards(files) == Cards({"eno1": ""}, latest=False, up=False)


def test_cloud_init_lists_the_cards_with_their_addresses() -> None:
    found = cards({"/var/log/cloud-init.log": DETECTED})
    assert found is not None
    assert found.found == {"ens3": "52:54:00:00:00:01"}


def test_the_newest_lease_is_named_for_its_card() -> None:
    uuid = "3d1219c7-c4c5-404a-aa1f-6d2a48adfda4"
    leases: dict[str, str | bytes | Entry] = {
        "/var/lib/dhcp/dhclient.eth0.leases": replace(file("lease {}\n"), mtime=1),
        f"/var/lib/NetworkManager/internal-{uuid}-ens3.lease": replace(file("ADDRESS=192.0.2.2\n"), mtime=2),
        "/var/lib/dhcp/dhclient.eth1.leases": replace(file(""), mtime=3),
    }  # fmt: skip
    assert cards(leases) == Cards({"ens3": ""}, latest=False, up=False)


@pytest.mark.parametrize(
    "line",
    [
        "Nov 29 10:00:00 server sshd[12]: Invalid user eth9: renamed from eth0\n",
        "Nov 29 10:00:00 server sshd[12]: x eth9: renamed from eth0\n",
        ISO.replace("kernel", "sshd[12]") + "a b eth9: renamed from eth0\n",
        ISO + "docker0: Gained carrier\n",
        ISO + "nothing of cards\n",
        "",
    ],
)
def test_what_others_write_tells_of_no_card(line: str) -> None:
    assert cards({"/var/log/syslog": line}) is None


def test_nothing_else_of_a_log_leaves_the_machine() -> None:
    text = f"{ISO}{BOOT}{ISO}secret\n{ISO}{RENAMED}{ISO}{STEP}Nov 29 10:00:00 server su: me\n{DETECTED}"
    kept = card_lines_alone(text.encode())
    assert b"secret" not in kept
    assert b"server" not in kept
    assert cards({"/var/log/syslog": kept}) == cards({"/var/log/syslog": text})
