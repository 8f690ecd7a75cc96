import pytest

from rescue.boot.fstab import with_others
from rescue.model import Safety, Severity
from rescue.tree import Device, Devices, Entry, Tree, directory, file, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import ROOMY, healthy

pytestmark = pytest.mark.unit

ID = "fstab-refused"
ROOT = "LABEL=root / ext4 errors=remount-ro 0 1"
EFI = "LABEL=efi /boot/efi vfat umask=0077 0 1"
DEVICES = Devices((Device(type="ext4", label="root"), Device(label="data"), Device(type="vfat", label="efi")))
V = "/lib/modules/6.1.0-57-amd64"
MODULES: dict[str, Entry | str | bytes] = {
    "/usr/lib/modules/6.1.0-57-amd64/modules.dep": "kernel/fs/fat/vfat.ko: kernel/fs/fat/fat.ko\n"
    "kernel/fs/fat/fat.ko:\nkernel/fs/xfs/xfs.ko.xz:\nkernel/fs/fuse/fuse.ko:\n",
    "/usr/lib/modules/6.1.0-57-amd64/modules.builtin": "kernel/fs/ext4/ext4.ko\nkernel/fs/exfat/exfat.ko\n",
    "/usr/lib/modules/6.1.0-57-amd64/modules.alias": "alias fs-vfat vfat\nalias fs-fuseblk fuse\n",
}


def booting(*lines: str, modprobe: str = "", extra: dict[str, Entry | str | bytes] | None = None) -> Tree:
    files = {**healthy(), **MODULES, "/etc/fstab": "\n".join([ROOT, *lines, ""]), **(extra or {})}
    if modprobe:
        files["/etc/modprobe.d/cis.conf"] = modprobe
    return Tree.of(files, [ROOMY], DEVICES)


@pytest.mark.parametrize(
    "line",
    [
        "LABEL=data /srv xfs defaults,noatime,nouuid,x-gvfs-show,comment=x,user,logbufs=8 0 2",
        "LABEL=data /srv ext4 rw,relatime,data=ordered,acl,user_xattr,discard,lazytime 0 2",
        "LABEL=data /srv btrfs subvol=/@srv,compress=zstd:1,ssd,space_cache=v2 0 0",
        "LABEL=data /srv ext4 noload,nouser_xattr,noacl,x-systemd.device-timeout=5s 0 2",
        'LABEL=data /srv ext4 context="system_u:object_r:tmp_t:s0:c1,c2" 0 2',
        "LABEL=data /srv ext4 defaults,, 0 2",
        "LABEL=data /srv xfs errors=remount-ro,nofail 0 2",
        "LABEL=data /srv xfs errors=remount-ro,noauto 0 2",
        "tmpfs /tmp tmpfs size=1G,mode=1777,nosuid,nodev 0 0",
        "LABEL=data /srv auto umask=0 0 0",
        "LABEL=data /srv fuse.mergerfs minfreespace=1G,moveonenospc=true 0 0",
        "host:/x /srv nfs hard,no-fail 0 0",
        "/home /srv none bind,bogus 0 0",
        "LABEL=data /srv exfat uid=1000 0 0",
        "LABEL=data /srv vfat uid=1000,iocharset=utf8,shortname=mixed 0 0",
        "LABEL=data /srv ex4 nofail 0 0",
        "# LABEL=data /srv ex4 defaults 0 0",
        "LABEL=data /new/place ext4 defaults 0 2",
        "LABEL=data /link ext4 defaults 0 2",
        "LABEL=data /run/afile ext4 defaults 0 2",
        EFI,
    ],
)
def test_what_can_be_mounted_or_may_fail_stops_no_boot(line: str) -> None:
    here: dict[str, Entry | str | bytes] = {"/link": symlink("/not/there"), "/run/afile": "", "/home": directory()}
    assert causes(booting(line, extra=here)) == []


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("LABEL=data /srv xfs errors=remount-ro 0 2", "LABEL=data /srv xfs defaults 0 2"),
        ("LABEL=data /srv xfs noatime,acl,nodev 0 2", "LABEL=data /srv xfs noatime,nodev 0 2"),
        ("LABEL=data /srv ext4 uid=1000,noatime", "LABEL=data /srv ext4 noatime"),
        ("LABEL=data /srv ext4 default 0 2", "LABEL=data /srv ext4 defaults 0 2"),
        ("LABEL=data /srv ext4 defaults,no-fail 0 2", "LABEL=data /srv ext4 defaults,nofail 0 2"),
        ("LABEL=data /srv xfs nofial", "LABEL=data /srv xfs nofail"),
        ("LABEL=data /srv xfs nobarrier 0 0", "LABEL=data /srv xfs defaults 0 0"),
        ("tmpfs /srv tmpfs umask=0 0 0", "tmpfs /srv tmpfs defaults 0 0"),
        ("tmpfs /srv tmpfs size=2GB,mode=1777 0 0", "tmpfs /srv tmpfs size=2G,mode=1777 0 0"),
        ("tmpfs /srv tmpfs size=1.5G,nosuid 0 0", "tmpfs /srv tmpfs nosuid 0 0"),
        ("tmpfs /srv tmpfs mode=rwx 0 0", "tmpfs /srv tmpfs defaults 0 0"),
        ("tmpfs /srv tmpfs uid=nobody,noexec 0 0", "tmpfs /srv tmpfs noexec 0 0"),
    ],
)
def test_an_option_of_another_file_system_goes(line: str, after: str) -> None:
    tree = booting(line)
    finding = only_finding(tree, ID)
    assert (finding.severity, finding.subject, finding.locations[0].line) == (Severity.BROKEN, "/srv", 2)
    assert diff(mended(tree), "/etc/fstab") == ([line], [after])


def test_two_wrong_options_both_go() -> None:
    tree = booting("LABEL=data /srv xfs data=ordered,noatime,errors=remount-ro 0 2")
    assert diff(mended(tree), "/etc/fstab")[1] == ["LABEL=data /srv xfs noatime 0 2"]


def test_an_option_that_nobody_knows_is_a_doubt() -> None:
    tree = booting("LABEL=data /srv ext4 defaults,from_the_future 0 2")
    assert only_finding(tree, ID).severity is Severity.DOUBTFUL
    assert diff(mended_if_agreed(tree), "/etc/fstab")[1] == ["LABEL=data /srv ext4 defaults 0 2"]


def test_old_kernels_took_more_of_xfs() -> None:
    line = "LABEL=data /srv xfs nobarrier 0 0"
    old: dict[str, Entry | str | bytes] = {"/usr/lib/modules/3.10.0-1160.el7/modules.dep": "kernel/fs/xfs/xfs.ko:\n"}
    assert causes(booting(line, extra=old)) == []
    bare = Tree.of({**healthy(), "/etc/fstab": f"{ROOT}\n{line}\n"}, [ROOMY], DEVICES)
    assert only_finding(bare, ID).severity is Severity.DOUBTFUL


@pytest.mark.parametrize(
    "modprobe",
    [
        "install vfat /bin/false\n",
        "install vfat /usr/bin/true\nblacklist udf",
        "install fat /bin/true",
        "blacklist vfat\n",
        "alias fs-vfat off\n",
        "  install  vfat\t/bin/false # CIS\n",
        "install vfat /bin/true\ninstall vfat /sbin/modprobe -i vfat\n",
    ],
)
def test_a_module_that_modprobe_d_forbids(modprobe: str) -> None:
    tree = booting(EFI, modprobe=modprobe)
    finding = only_finding(tree, ID)
    assert finding.severity is Severity.BROKEN
    assert str(finding.locations[1].path) == "/etc/modprobe.d/cis.conf"
    plan = mended(tree)
    assert changed_paths(plan) == ["/etc/fstab"]
    assert diff(plan, "/etc/fstab") == ([EFI], [EFI.replace("umask=0077", "umask=0077,nofail")])


@pytest.mark.parametrize(
    "modprobe",
    [
        "# install vfat /bin/false\n",
        "install udf /bin/false\n",
        "install vfat /sbin/modprobe --ignore-install vfat\n",
        "install vfat /sbin/modprobe -i vfat\ninstall vfat /bin/false\n",
        "blacklist fat\n",
        "blacklist nls_cp437\n",
        "options vfat x=1\n",
        "install vfat\n",
        "install ext4 /bin/false\n",
    ],
)
def test_a_module_that_comes_all_the_same(modprobe: str) -> None:
    assert causes(booting(EFI, modprobe=modprobe)) == []


def test_a_module_does_not_matter_where_it_is_built_in_or_its_file_is_replaced() -> None:
    built: dict[str, Entry | str | bytes] = {
        "/usr/lib/modules/6.1.0-57-amd64/modules.builtin": "kernel/fs/fat/vfat.ko\nkernel/fs/fat/fat.ko\n"
    }
    assert causes(booting(EFI, modprobe="install vfat /bin/false\n", extra=built)) == []
    shipped: dict[str, Entry | str | bytes] = {"/usr/lib/modprobe.d/cis.conf": "install vfat /bin/false\n"}
    assert causes(booting(EFI, modprobe="# none\n", extra=shipped)) == []
    assert causes(booting(EFI, extra=shipped)) == [ID]


def test_without_lists_of_modules_it_may_be_built_in() -> None:
    files = {**healthy(), "/etc/fstab": f"{ROOT}\n{EFI}\n", "/etc/modprobe.d/a.conf": "install vfat /bin/false\n"}
    assert only_finding(Tree.of(files, [ROOMY], DEVICES), ID).severity is Severity.DOUBTFUL


def test_a_type_that_no_kernel_has() -> None:
    tree = booting("LABEL=data /srv ex4 defaults 0 2")
    assert only_finding(tree, ID).severity is Severity.BROKEN
    mended(tree)
    helped: dict[str, Entry | str | bytes] = {"/usr/sbin/mount.ex4": file("ELF", 0o755)}
    assert causes(booting("LABEL=data /srv ex4 defaults 0 2", extra=helped)) == []
    assert only_finding(booting("LABEL=data /srv reiserfs defaults 0 2"), ID).severity is Severity.DOUBTFUL


def test_a_file_is_no_mount_point() -> None:
    tree = booting("LABEL=data /srv/data/x ext4 defaults 0 2", extra={"/srv/data": "a file\n"})
    finding = only_finding(tree, ID)
    assert "/srv/data, which is a file" in finding.message
    mended(tree)


def test_var_needs_consent() -> None:
    tree = booting("LABEL=data /var/lib/x ex4 defaults 0 2")
    assert [each.safety for each in only_finding(tree, ID).repairs] == [Safety.UNSAFE]


def test_a_line_that_changed_since_is_left_alone() -> None:
    for number, old in ((0, "x"), (9, "x"), (1, "x")):
        with pytest.raises(ValueError, match="line"):
            with_others("LABEL=data /srv xfs defaults\n", number, {old: ""})
