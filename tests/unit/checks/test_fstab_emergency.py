import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.planner import any_repairs
from rescue.tree import Device, Devices, Entry, Tree, directory, symlink
from tests.checking import causes, changed_paths, diff, lines, mended, mended_if_agreed, only_finding
from tests.trees import ROOMY, healthy, server

pytestmark = pytest.mark.unit

ROOT = "UUID=0e5b-root / ext4 errors=remount-ro 0 1"
GONE = "UUID=6f1c2b1e-0c3e /srv/data ext4 defaults 0 2"
OWN = (
    Device(type="ext4", uuid="0e5b-root", number=1),
    Device(type="xfs", uuid="AAAA-data", label="data", partuuid="4d-02", partlabel="Data", number=2),
    Device(type="vfat", uuid="6C0F-0001", number=15),
)


def with_fstab(*said: str, complete: bool = False, extra: dict[str, Entry | str | bytes] | None = None) -> Tree:
    """A server with these lines, whose disk holds `OWN`."""
    files = {**healthy(), "/etc/fstab": "\n".join([ROOT, *said, ""]), **(extra or {})}
    return Tree.of(files, [ROOMY], Devices(OWN, complete))


@pytest.mark.parametrize(
    "line",
    [
        "UUID=aaaa-DATA /srv xfs defaults 0 2",
        'UUID="AAAA-data" /srv xfs defaults 0 2',
        "LABEL=data\t/srv\tauto",
        "PARTUUID=4d-02 /srv xfs defaults",
        "PARTLABEL=Data /srv xfs defaults",
        "/dev/disk/by-uuid/AAAA-data /srv xfs defaults 0 2",
        "/dev/vda2 /srv xfs defaults 0 2",
        "UUID=6C0F-0001 /boot/efi vfat umask=0077 0 1",
        "UUID=gone /srv ext4 defaults,nofail 0 2",
        "UUID=gone /srv ext4 noauto 0 2",
        "UUID=gone /srv ext4 x-systemd.automount 0 2",
        "UUID=gone none swap sw 0 0",
        "host:/export /srv nfs defaults 0 0",
        "UUID=gone /srv ext4 _netdev 0 0",
        "tmpfs /tmp tmpfs size=1G 0 0",
        "/dev/mapper/vg-srv /srv ext4 defaults 0 2",
        "/dev/vg/srv /srv ext4 defaults 0 2",
        "/srv /mnt none bind 0 0",
        "# UUID=gone /srv ext4 defaults 0 2",
        "proc /proc proc defaults 0 0",
        "UUID=gone",
    ],
)
def test_what_is_there_or_is_not_required_stops_no_boot(line: str) -> None:
    assert causes(with_fstab(line, extra={"/srv": directory()})) == []


def test_where_the_target_shows_no_devices_nothing_is_said() -> None:
    assert causes(server({"/etc/fstab": f"{ROOT}\n{GONE}\n"})) == []


def test_a_volume_that_no_disk_here_has_is_a_doubt_and_its_line_gets_one_word() -> None:
    tree = with_fstab("LABEL=data /home xfs defaults 0 2", GONE)
    finding = only_finding(tree, "fstab-emergency")
    assert (finding.severity, finding.symptom) == (Severity.DOUBTFUL, Symptom.UNREACHABLE)
    assert "not attached here" in finding.reason
    assert str(finding.locations[0]) == "/etc/fstab:3"
    plan = mended_if_agreed(tree)
    assert changed_paths(plan) == ["/etc/fstab"]
    assert diff(plan, "/etc/fstab") == ([GONE], [GONE.replace("defaults", "defaults,nofail")])


def test_systemd_networkd_does_not_wait_for_file_systems() -> None:
    unit = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
    started: dict[str, Entry | str | bytes] = {
        "/usr/lib/systemd/system/systemd-networkd.service": unit,
        "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service": symlink("x"),
    }
    assert only_finding(with_fstab(GONE, extra=started), "fstab-emergency").symptom is Symptom.REFUSED


def test_a_server_that_runs_knows_all_its_devices() -> None:
    assert only_finding(with_fstab(GONE, complete=True), "fstab-emergency").severity is Severity.BROKEN
    assert only_finding(with_fstab("/dev/sdq1 /srv ext4", complete=True), "fstab-emergency").subject == "/srv"


def test_the_wrong_type_is_certain() -> None:
    finding = only_finding(with_fstab("UUID=AAAA-data /srv ext4 defaults 0 2"), "fstab-emergency")
    assert finding.severity is Severity.BROKEN
    assert "it is xfs" in finding.message


def test_a_bind_mount_of_what_is_gone_is_certain() -> None:
    tree = with_fstab("/data/www /var/www none bind 0 0")
    assert only_finding(tree, "fstab-emergency").severity is Severity.BROKEN
    below = with_fstab("LABEL=data /data xfs defaults 0 2", "/data/www /srv none bind 0 0")
    assert causes(below) == []


def test_a_line_of_three_fields_gets_a_fourth() -> None:
    plan = mended_if_agreed(with_fstab("UUID=gone /srv ext4"))
    assert lines(plan.after.facts.tree, "/etc/fstab")[1] == "UUID=gone /srv ext4 defaults,nofail"


def test_the_first_line_for_a_place_is_the_one_that_counts() -> None:
    assert causes(with_fstab("LABEL=data /srv xfs defaults", "UUID=gone /srv xfs defaults")) == []


def test_var_is_left_to_the_person() -> None:
    tree = with_fstab("UUID=gone /var ext4 defaults 0 2")
    assert [repair.safety for repair in only_finding(tree, "fstab-emergency").repairs] == [Safety.UNSAFE]
    assert changed_paths(mended(tree, choose=any_repairs)) == ["/etc/fstab"]


def test_usr_is_nothing_to_do_without() -> None:
    finding = only_finding(with_fstab("UUID=gone /usr ext4 defaults 0 2"), "fstab-emergency")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_a_place_with_a_blank_in_its_name_is_kept_as_it_is() -> None:
    odd = r"UUID=gone /srv/my\040data ext4 defaults,noatime 0 2  # mine"
    tree = with_fstab(odd)
    assert only_finding(tree, "fstab-emergency").subject == "/srv/my data"
    assert lines(mended_if_agreed(tree).after.facts.tree, "/etc/fstab")[1] == odd.replace("noatime", "noatime,nofail")


OPTIONAL = "LABEL=Data1 /srv/data1 ext4 defaults,nofail 0 2"


@pytest.mark.parametrize(
    "line",
    [
        "/srv/data1/docker /opt/docker none bind,defaults 0 0",
        "/srv/data1/www /opt/www none rbind",
        "/srv/data1/disk.img /opt/www ext4 loop 0 0",
        "overlay /opt/www overlay lowerdir=/srv/data1/l:/srv/l,upperdir=/srv/u,workdir=/srv/w 0 0",
        "LABEL=data /srv/data1/more xfs defaults 0 2",
        "LABEL=data /opt/www xfs x-systemd.requires=/srv/data1 0 2",
        "LABEL=data /opt/www xfs x-systemd.requires-mounts-for=/srv/data1/x 0 2",
    ],
)
def test_a_required_mount_that_stands_on_an_optional_one_stops_the_boot_with_it(line: str) -> None:
    folders: dict[str, Entry | str | bytes] = {f"/srv/{each}": directory() for each in ("data1", "l", "u", "w")}
    tree = with_fstab(OPTIONAL, line, extra=folders)
    finding = only_finding(tree, "fstab-emergency")
    assert finding.severity is Severity.DOUBTFUL
    assert str(finding.locations[0]) == "/etc/fstab:3"
    assert "needs /srv/data1 mounted from LABEL=Data1" in finding.message
    made = diff(mended_if_agreed(tree), "/etc/fstab")[1]
    assert len(made) == 1
    assert "nofail" in made[0]
    there = OPTIONAL.replace("Data1", "data").replace("ext4", "xfs")
    assert causes(with_fstab(there, line, extra=folders)) == []


def test_both_of_a_chain_need_the_word() -> None:
    tree = with_fstab(GONE, "/srv/data/www /opt/www none bind 0 0")
    assert causes(tree) == ["fstab-emergency", "fstab-emergency"]
    assert len(diff(mended_if_agreed(tree), "/etc/fstab")[1]) == 2


@pytest.mark.parametrize("word", ["nofail", "noauto", "x-systemd.automount", "_netdev"])
def test_an_optional_mount_on_an_optional_one_stops_nothing(word: str) -> None:
    tree = with_fstab(OPTIONAL, f"/srv/data1/www /opt/www none bind,{word}", extra={"/srv/data1": directory()})
    assert causes(tree) == []


def test_a_circle_of_mounts_ends() -> None:
    assert causes(with_fstab("/a/x /b none bind", "/b/x /a none bind")) == []


def test_a_layer_that_is_gone_is_certain() -> None:
    line = "overlay /opt/www overlay lowerdir=/srv/gone,upperdir=/srv,workdir=/srv 0 0"
    tree = with_fstab(line, extra={"/srv": directory()})
    assert only_finding(tree, "fstab-emergency").severity is Severity.BROKEN
