import pytest

from rescue.formats.os_release import Release, parse_os_release, read_release
from rescue.tree import Tree, symlink

pytestmark = pytest.mark.unit


def test_the_link_to_usr_lib_is_followed() -> None:
    tree = Tree.of({
        "/etc/os-release": symlink("../usr/lib/os-release"),
        "/usr/lib/os-release": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n',
    })  # fmt: skip
    release = read_release(tree)
    assert release == Release("ubuntu", "24.04", "Ubuntu 24.04 LTS", ("debian",))
    assert release.is_debian
    assert not release.is_red_hat
    assert release.major == 24


def test_the_file_in_usr_lib_counts_where_etc_has_none() -> None:
    assert read_release(Tree.of({"/usr/lib/os-release": "ID=alpine\nVERSION_ID=3.20.1\n"})).id == "alpine"


def test_a_last_assignment_wins_and_quotes_are_undone() -> None:
    text = 'ID=a\nID=\'b\'\n# ID=c\nNAME="say \\"hi\\" \\$x"\nBAD LINE\n=x\nVARIANT=plain text\n'
    assert parse_os_release(text) == {"ID": "b", "NAME": 'say "hi" $x', "VARIANT": "plain"}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("CentOS release 6.10 (Final)\n", ("centos", "6.10", True)),
        ("Red Hat Enterprise Linux Server release 6.9 (Santiago)\n", ("rhel", "6.9", True)),
        ("Fedora release 14 (Laughlin)\n", ("fedora", "14", True)),
        ("junk\n", ("rhel", "", True)),
    ],
)
def test_older_red_hats_are_told_by_their_own_file(text: str, expected: tuple[str, str, bool]) -> None:
    release = read_release(Tree.of({"/etc/redhat-release": text}))
    assert (release.id, release.version_id, release.is_red_hat) == expected


def test_an_older_debian_is_told_by_its_own_file() -> None:
    assert read_release(Tree.of({"/etc/debian_version": "6.0.10\n"})).version_id == "6.0.10"
    assert read_release(Tree.of({"/etc/debian_version": "wheezy/sid\n"})).version_id == ""


def test_nothing_on_the_disk_gives_an_empty_release() -> None:
    assert read_release(Tree.of({})) == Release()
    assert read_release(Tree.of({})).major == 0


def test_junk_gives_no_more_than_the_default_id() -> None:
    assert read_release(Tree.of({"/etc/os-release": b"\0\xff\xfe" * 1000})) == Release("linux")
