import pytest

from rescue.formats.packages import APK_INSTALLED, DPKG_STATUS, OpenSSH, nft_version, openssh_version
from rescue.tree import Entry, Kind, NotCaptured, Read, Tree, directory, file

pytestmark = pytest.mark.unit

INSTALLED = "Package: openssh-server\nStatus: install ok installed\nVersion: 1:9.2p1-2+deb12u6\n"
OTHER = "Package: openssh-server-udeb\nStatus: install ok installed\nVersion: 1:1.1p1\n"


def version(text: str) -> OpenSSH | None:
    return openssh_version(Tree.of({"/etc/os-release": "ID=debian\n", DPKG_STATUS: text}))


def test_dpkgs_database_tells_version_and_patches() -> None:
    found = version(f"{OTHER}\nPackage: a\n\n{INSTALLED}Description: x\n Package: openssh-server\n\nPackage: z\n")
    assert found == OpenSSH(9, 2, "debian", "1:9.2p1-2+deb12u6")
    assert found.version == (9, 2)


@pytest.mark.parametrize("place", ["{0}", "{0}\nPackage: z\n", "Package: a\n\n{0}"])
def test_the_paragraph_may_stand_anywhere(place: str) -> None:
    assert version(place.format(INSTALLED)) is not None


def test_a_removed_package_is_not_installed() -> None:
    assert version(INSTALLED.replace("install ok installed", "deinstall ok config-files")) is None


def test_a_package_that_is_only_unpacked_has_its_program() -> None:
    assert version(INSTALLED.replace("install ok installed", "install ok unpacked")) is not None


def test_fields_before_the_name_belong_to_the_paragraph() -> None:
    text = "Package: a\n\nVersion: 1:8.4p1\nStatus: install ok installed\nPackage: openssh-server\n"
    assert version(text) == OpenSSH(8, 4, "debian", "1:8.4p1")


def test_a_database_of_megabytes_is_searched() -> None:
    filler = "".join(f"Package: p{number}\nStatus: install ok installed\nVersion: 1\n\n" for number in range(60_000))
    assert version(filler + INSTALLED) is not None


def test_alpines_database_tells_too() -> None:
    database = "P:a\nV:1\n\nC:x\nP:openssh-server\nV:9.7_p1-r4\n"
    tree = Tree.of({"/etc/os-release": "ID=alpine\n", APK_INSTALLED[0]: database})
    assert openssh_version(tree) == OpenSSH(9, 7, "alpine", "9.7_p1-r4")


def test_arch_names_a_directory() -> None:
    folder = "/var/lib/pacman/local"
    tree = Tree.of({f"{folder}/openssh-10.0p1-3/desc": "", f"{folder}/openssh-askpass-1-1/x": ""})
    assert openssh_version(tree) == OpenSSH(10, 0, "", "10.0p1-3")


def test_the_programs_own_banner_is_the_last_resort() -> None:
    program = b"\x7fELF\0OpenSSH_6.6.1*\0OpenSSH_7.0*,OpenSSH_7.1*\0OpenSSH_8.7p1\0"
    tree = Tree.of({"/etc/os-release": "ID=rocky\nID_LIKE='rhel fedora'\n", "/usr/sbin/sshd": file(program, 0o755)})
    assert openssh_version(tree) == OpenSSH(8, 7, "rocky", "8.7p1")


@pytest.mark.parametrize("text", ["", "\n\n\n", "Package: openssh-server\n", INSTALLED.replace("1:9.2p1", "junk")])
def test_a_damaged_database_gives_none(text: str) -> None:
    assert version(text) is None


def test_the_program_is_read_only_where_no_database_tells() -> None:
    folders = {path: directory() for path in ("/", "/etc", "/usr", "/usr/sbin", "/var", "/var/lib")}
    program = Entry(Kind.FILE, 0o755, size=9)
    reads = (
        Read("/etc", depth=1), Read("/var/lib", depth=3), Read("/lib"), Read("/usr/lib"), Read("/usr/bin"),
        Read("/usr/local"), Read("/usr/sbin", depth=1, content=False),
    )  # fmt: skip
    with pytest.raises(NotCaptured) as missing:
        openssh_version(Tree({**folders, "/usr/sbin/sshd": program}, reads))
    assert [read.path for read in missing.value.reads] == ["/usr/sbin/sshd"]
    known = {"/var/lib/dpkg": directory(), DPKG_STATUS: file(INSTALLED)}
    assert openssh_version(Tree({**folders, **known, "/usr/sbin/sshd": program}, reads)) is not None


def test_the_version_of_nft_is_told_by_a_database_or_by_the_program() -> None:
    dpkg = "Package: nftables\nStatus: install ok installed\nVersion: 1.0.6-2+deb12u2\n"
    assert nft_version(Tree.of({DPKG_STATUS: dpkg})) == (1, 0, 6)
    assert nft_version(Tree.of({APK_INSTALLED[0]: "P:nftables\nV:1.1.1-r0\n"})) == (1, 1, 1)
    assert nft_version(Tree.of({"/var/lib/pacman/local/nftables-1:1.1.3-1/desc": ""})) == (1, 1, 3)
    program = file(b"\x7fELF\x000.9.9\0x\0" + b"1.0.9\0nftables\0nftables v%s\0", 0o755)
    assert nft_version(Tree.of({"/usr/sbin/nft": program})) == (1, 0, 9)
    assert nft_version(Tree.of({"/usr/sbin/nft": file(b"\x7fELF", 0o755)})) == ()
