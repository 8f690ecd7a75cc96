import pytest

from rescue.formats.os_release import Release
from rescue.keys.ed25519 import key_pair
from rescue.keys.host_keys import KeyFormatError, private_key_type, read_host_key
from rescue.tree import Entry, Tree, directory, file
from tests.trees import HOST_KEY

pytestmark = pytest.mark.unit

PATH = "/etc/ssh/ssh_host_ed25519_key"
DEBIAN = Release("debian", "12")
ROCKY = Release("rocky", "9.4", like=("rhel", "centos", "fedora"))


def read(entry: Entry | str | bytes, release: Release = DEBIAN) -> tuple[bool, str]:
    tree = Tree.of({PATH: entry, "/etc/group": "root:x:0:\nssh_keys:x:101:\n"})
    key = read_host_key(tree, PATH, release)
    return key.loads, key.problem


def test_a_whole_key_of_roots_own_loads() -> None:
    assert read(file(HOST_KEY, 0o600)) == (True, "")


@pytest.mark.parametrize(
    "data, word",
    [
        ("", "is empty"),
        ("\0" * 400, "zero bytes"),
        (HOST_KEY.replace("\n", "\r\n"), "CRLF"),
        (HOST_KEY.rstrip("\n"), "cut off"),
        (HOST_KEY[:200], "cut off"),
        ("\n" + HOST_KEY, "BEGIN"),
        (HOST_KEY.replace("AAAAMwAAAAtz", "AAAAMwAAAAtx"), "damaged"),
        ("ssh-ed25519 AAAA\n", "not a private key"),
    ],
)
def test_a_damaged_key_says_why(data: str, word: str) -> None:
    loads, problem = read(file(data, 0o600))
    assert not loads
    assert word in problem


def test_an_absent_key_and_a_directory_do_not_load() -> None:
    assert read_host_key(Tree.of({"/etc/ssh": directory()}), PATH, DEBIAN).missing
    assert read(directory()) == (False, "is not a regular file")


@pytest.mark.parametrize(
    "mode, loads", [(0o600, True), (0o400, True), (0o700, True), (0o640, False), (0o604, False), (0o620, False)]
)
def test_a_key_of_roots_that_others_may_use_is_refused(mode: int, loads: bool) -> None:
    assert read(file(HOST_KEY, mode))[0] is loads


def test_the_mode_of_somebody_elses_key_is_not_looked_at() -> None:
    assert read(file(HOST_KEY, 0o644, uid=1000))[0]


@pytest.mark.parametrize(
    "release, gid, mode, loads",
    [
        (ROCKY, 101, 0o640, True),
        (ROCKY, 0, 0o640, False),
        (ROCKY, 101, 0o660, False),
        (ROCKY, 101, 0o644, False),
        (Release("rhel", "10.0"), 101, 0o640, False),
        (Release("fedora", "37"), 101, 0o640, True),
        (Release("fedora", "40"), 101, 0o640, False),
        (DEBIAN, 101, 0o640, False),
    ],
)
def test_older_red_hats_let_the_group_ssh_keys_read(release: Release, gid: int, mode: int, loads: bool) -> None:
    assert read(file(HOST_KEY, mode, gid=gid), release)[0] is loads


def test_no_part_of_a_key_gets_into_a_message() -> None:
    seed = bytes(range(50, 82))
    whole = key_pair(seed).private_file("root@lab")
    for cut in range(0, len(whole), 7):
        with pytest.raises(KeyFormatError) as caught:
            private_key_type(whole[:cut].encode() + whole[cut + 1 :].encode())
        for line in whole.split("\n")[1:-2]:
            assert line[:12] not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n" * 2000,
        b"-----BEGIN RSA PRIVATE KEY-----\n" + b"A" * 500_000,
        b"-----BEGIN RSA PRIVATE KEY-----\n" * 30_000,
        b"-----BEGIN RSA PRIVATE KEY-----\n\n-----END RSA PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nMP8=\n-----END RSA PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----\n",
        b"\xff" * 100_000,
    ],
)
def test_hostile_keys_are_refused_without_a_traceback(data: bytes) -> None:
    with pytest.raises(KeyFormatError):
        private_key_type(data)
