from dataclasses import replace

import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.tree import Entry, Tree, file
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.networks import CAME_UP, NEW, OLD, networkd, networked

pytestmark = pytest.mark.unit

CHECK, CONF = "net-driver-forbidden", "/etc/modprobe.d/hardening.conf"
RENAMED = ("virtio_net virtio0 eth0: renamed from eth1", NEW)
LISTS = "/usr/lib/modules/6.1.0-57-amd64"
DEP = "kernel/drivers/net/virtio_net.ko.xz: kernel/net/core/failover.ko.xz\n"
BOOTED = 1_700_000_000_000_000_000


def forbidding(
    line: str,
    *said: tuple[str, bytes],
    dep: str = DEP,
    builtin: str = "kernel/fs/ext4/ext4.ko\n",
    written: int | None = BOOTED + 10**15,
    more: dict[str, str | Entry] | None = None,
) -> Tree:
    files: dict[str, str | Entry] = {
        **networkd("Name=eth0"), CONF: replace(file(f"# by hand\n{line}\n"), mtime=written),
        f"{LISTS}/modules.dep": dep, f"{LISTS}/modules.builtin": builtin, **(more or {}),
    }  # fmt: skip
    return networked(files, *(said or (RENAMED, CAME_UP)))


@pytest.mark.parametrize(
    "line", ["blacklist virtio_net", "blacklist virtio-net", "install virtio_net /bin/false", "install virtio_net :"]
)
def test_the_driver_was_forbidden_since_the_last_boot(line: str) -> None:
    finding = only_finding(forbidding(line), CHECK)
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.UNREACHABLE)
    assert [each.safety for each in finding.repairs] == [Safety.UNSAFE]
    assert str(finding.locations[0]) == f"{CONF}:2"
    assert diff(mended_if_agreed(forbidding(line)), CONF) == ([line], [f"#{line}"])


def test_an_earlier_boot_tells_it_too() -> None:
    before = ("virtio_net virtio0 eth0: renamed from eth1", OLD)
    assert causes(forbidding("blacklist virtio_net", before)) == [CHECK]


def test_install_counts_for_a_module_that_is_loaded_by_its_name() -> None:
    more: dict[str, str | Entry] = {"/etc/modules": "# names\n\nvirtio_net\n"}
    assert causes(forbidding("blacklist virtio_net", more=more)) == []
    assert causes(forbidding("install virtio_net /bin/true", more=more)) == [CHECK]
    load: dict[str, str | Entry] = {"/etc/modules-load.d/net.conf": "virtio-net\n"}
    assert causes(forbidding("blacklist virtio_net", more=load)) == []


@pytest.mark.parametrize(
    "tree",
    [
        forbidding("#blacklist virtio_net"), forbidding("blacklist virtio_rng"), forbidding("options virtio_net a=1"),
        forbidding("install virtio_net /sbin/modprobe --ignore-install virtio_net"), forbidding("install virtio_net"),
        forbidding("install virtio_net /sbin/modprobe -i virtio_net\ninstall virtio_net /bin/false"),
        forbidding("blacklist"), forbidding("blacklist virtio_net", CAME_UP),
        forbidding("blacklist virtio_net", written=BOOTED - 10**15), forbidding("blacklist virtio_net", written=None),
        forbidding("blacklist virtio_net", builtin="kernel/drivers/net/virtio_net.ko\n"),
        forbidding("blacklist virtio_net", dep="kernel/fs/fat/fat.ko:\n"), forbidding("blacklist virtio_net", dep=""),
        forbidding("blacklist e1000e", ("e1000 0000:00:03.0 eth0: renamed from eth1", NEW)),
        networked({**networkd("Name=eth0"), CONF: "blacklist virtio_net\n"}, RENAMED, CAME_UP),
    ],
)  # fmt: skip
def test_states_that_must_not_alarm(tree: Tree) -> None:
    assert causes(tree) == []


def test_without_a_log_the_usual_drivers_are_named() -> None:
    files: dict[str, str | Entry] = {
        **networkd("Name=eth0"), f"{LISTS}/modules.dep": DEP, f"{LISTS}/modules.builtin": "",
        "/var/log/journal/3d1219c7c4c5404aaa1f6d2a48adfda4/system.journal": "",
    }  # fmt: skip
    tree = networked({**files, CONF: replace(file("blacklist virtio_net\n"), mtime=BOOTED)})
    assert causes(tree) == [CHECK]
    assert "most virtual servers" in only_finding(tree, CHECK).message
    assert causes(networked({**files, CONF: replace(file("blacklist vmxnet3\n"), mtime=BOOTED)})) == []
