"""The tree: look-ups as after chroot(2), absent against not captured, changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from rescue.tree import (
    Action,
    Entry,
    FileSystem,
    Kind,
    LinkLoop,
    NotCaptured,
    Read,
    TooMany,
    Tree,
    Unread,
    directory,
    file,
    symlink,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/etc/plain", "/etc/plain"),
        ("/lib/units/ssh", "/usr/lib/units/ssh"),
        ("/absolute", "/etc/plain"),
        ("/relative", "/etc/plain"),
        ("/up", "/etc/plain"),
        ("/etc/../lib/./units//ssh", "/usr/lib/units/ssh"),
        ("/dangling", "/etc/nowhere"),
        ("/chain/one/two/ssh", "/usr/lib/units/ssh"),
        ("/../../etc/plain", "/etc/plain"),
    ],
)
def test_links_are_resolved_inside_the_root(path: str, real: str) -> None:
    tree = Tree.of(
        {
            "/etc/plain": "x",
            "/lib": symlink("usr/lib"),
            "/usr/lib/units/ssh": "y",
            "/absolute": symlink("/etc/plain"),
            "/relative": symlink("etc/plain"),
            "/up": symlink("../../../../etc/plain"),
            "/dangling": symlink("/etc/nowhere"),
            "/chain": symlink("/first"),
            "/first/one": symlink("../second"),
            "/second/two": symlink("/lib/units"),
        }
    )
    assert tree.resolve(path) == PurePosixPath(real)


def test_a_loop_of_links_leads_nowhere() -> None:
    tree = Tree.of({"/one": symlink("two"), "/two": symlink("/one")})
    with pytest.raises(LinkLoop):
        tree.resolve("/one")
    assert tree.entry("/one") is None
    assert tree.data("/one") is None
    assert tree.children("/one") == ()
    assert tree.lentry("/one") == symlink("two")


def test_forty_links_are_followed_and_forty_one_are_not() -> None:
    links: dict[str, Entry | str | bytes] = {f"/l{number}": symlink(f"l{number + 1}") for number in range(41)}
    links["/l41"] = "end"
    tree = Tree.of(links)
    assert tree.text("/l1") == "end"
    assert tree.text("/l0") is None


def test_below_a_file_there_is_nothing_not_even_a_way_up() -> None:
    tree = Tree.of({"/etc/plain": "x", "/etc/other": "y"})
    assert tree.entry("/etc/plain/below") is None
    assert tree.entry("/etc/plain/../other") is None
    assert tree.entry("/etc/nothing/../other") is None
    assert tree.text("/etc/../etc/other") == "y"


def test_absent_is_not_the_same_as_not_captured() -> None:
    tree = Tree({"/": directory(), "/etc": directory(), "/etc/ssh": directory()}, [Read("/etc/ssh")])
    assert tree.entry("/etc/ssh/sshd_config") is None
    assert tree.entry("/etc") is not None
    with pytest.raises(NotCaptured) as wanted:
        tree.entry("/etc/passwd")
    assert wanted.value.reads == (Read("/etc/passwd", depth=0),)
    with pytest.raises(NotCaptured) as listing:
        tree.children("/etc")
    assert listing.value.reads == (Read("/etc", depth=1),)


def test_what_lies_below_an_absent_directory_is_known_to_be_absent() -> None:
    tree = Tree({"/": directory()}, [Read("/etc/ufw", depth=1)])
    assert tree.entry("/etc/ufw/deep/below/it") is None
    assert tree.children("/etc/ufw") == ()


def test_depth_bounds_what_was_captured() -> None:
    tree = Tree({"/": directory(), "/a": directory(), "/a/b": directory()}, [Read("/a", depth=1)])
    assert tree.children("/a") == ("b",)
    with pytest.raises(NotCaptured):
        tree.children("/a/b")


def test_content_that_was_not_asked_for_is_not_captured() -> None:
    entry = replace(file(b""), data=None, size=5)
    tree = Tree({"/": directory(), "/log": entry}, [Read("/log", content=False)])
    assert tree.entry("/log") == entry
    with pytest.raises(NotCaptured):
        tree.data("/log")


def test_two_reads_of_one_path_are_both_kept() -> None:
    entries = {"/": directory(), "/root": directory(), "/root/a": file("x")}
    tree = Tree(entries, [Read("/root", depth=0), Read("/root", depth=1, content=False)])
    assert tree.covers("/root", content=True)
    assert tree.children("/root") == ("a",)
    tree.require(Read("/root", depth=0), Read("/root", depth=1, content=False))
    with pytest.raises(NotCaptured):
        tree.require(Read("/root/a", depth=0))


def test_a_directory_has_no_content_that_could_be_missing() -> None:
    tree = Tree({"/": directory(), "/root": directory()}, [Read("/root", depth=1, content=False)])
    tree.require(Read("/root", depth=0))


def test_a_file_larger_than_the_limit_is_neither_empty_nor_absent() -> None:
    entry = replace(file(b""), data=None, size=5 << 20)
    tree = Tree({"/": directory(), "/big": entry}, [Read("/big")])
    with pytest.raises(Unread, match=r"/big could not be read \(it has 5,242,880 bytes\)"):
        tree.data("/big")
    with pytest.raises(Unread):
        tree.write("/big", "nobody could bring the old one back")
    assert (tree.unread, tree.errors) == ((PurePosixPath("/big"),), ())
    assert (tree.data_if_read("/big"), tree.text_if_read("/big")) == (None, None)


def failing() -> Tree:
    """A file, a directory and a name that the disk does not give back."""
    return Tree.of(
        {
            "/etc/passwd": replace(file(b""), data=None, size=600, error="Input/output error"),
            "/etc/ssh": replace(directory(), error="Input/output error"),
            "/etc/shadow": Entry(Kind.UNKNOWN, 0, error="Structure needs cleaning"),
        }
    )


@pytest.mark.parametrize(
    "look",
    [
        lambda tree: tree.data("/etc/passwd"),
        lambda tree: tree.text("/etc/passwd"),
        lambda tree: tree.write("/etc/passwd", ""),
        lambda tree: tree.children("/etc/ssh"),
        lambda tree: tree.entry("/etc/ssh/sshd_config"),
        lambda tree: tree.data("/etc/ssh/sshd_config"),
        lambda tree: tree.glob("/etc/ssh/*"),
        lambda tree: tree.entry("/etc/shadow"),
        lambda tree: tree.lentry("/etc/shadow"),
        lambda tree: tree.data("/etc/shadow"),
        lambda tree: tree.children("/etc/shadow"),
        lambda tree: tree.entry("/etc/shadow/below"),
        lambda tree: tree.write("/etc/shadow", ""),
    ],
)
def test_nothing_is_concluded_from_what_the_disk_does_not_give_back(look: Callable[[Tree], object]) -> None:
    with pytest.raises(Unread, match="could not be read"):
        look(failing())


def test_what_could_not_be_read_is_named_and_the_rest_is_known() -> None:
    tree = failing()
    assert [(str(path), why) for path, why in tree.errors] == [
        ("/etc/passwd", "Input/output error"),
        ("/etc/shadow", "Structure needs cleaning"),
        ("/etc/ssh", "Input/output error"),
    ]
    assert tree.entry("/etc/group") is None
    assert (found := tree.entry("/etc/passwd")) is not None
    assert found.size == 600


def test_one_request_names_everything_that_is_missing() -> None:
    tree = Tree({"/": directory(), "/etc": directory()}, [Read("/etc", depth=0)])
    with pytest.raises(NotCaptured) as wanted:
        tree.require(Read("/home/a", depth=0), Read("/etc", depth=0), Read("/home/b", depth=0))
    assert [read.path for read in wanted.value.reads] == ["/home/a", "/home/b"]


def test_a_merged_tree_knows_what_both_knew() -> None:
    first = Tree({"/": directory(), "/etc": directory(), "/etc/a": file("1")}, [Read("/etc/a", depth=0)])
    second = Tree({"/": directory(), "/home": directory()}, [Read("/home")], [FileSystem("/", size=9)])
    both = first.merged(second)
    assert both.text("/etc/a") == "1"
    assert both.children("/home") == ()
    assert both.filesystems == (FileSystem("/", size=9),)


def test_names_that_are_not_utf8_survive() -> None:
    name = b"/etc/caf\xe9".decode("utf-8", "surrogateescape")
    tree = Tree.of({name: b"\xff\x00"})
    assert [str(path) for path in tree.glob("/etc/*")] == [name]
    text = tree.text(name)
    assert text is not None
    assert tree.write(name, text).data(name) == b"\xff\x00"


def test_glob_sorts_by_bytes_and_hides_dot_files() -> None:
    tree = Tree.of({"/d/9-x": "", "/d/30-x": "", "/d/Zeta": "", "/d/.hidden": "", "/d/a.conf": "", "/d/b.conf": ""})
    assert [path.name for path in tree.glob("/d/*")] == ["30-x", "9-x", "Zeta", "a.conf", "b.conf"]
    assert [path.name for path in tree.glob("/d/*.conf")] == ["a.conf", "b.conf"]
    assert [path.name for path in tree.glob("/d/.*")] == [".hidden"]
    assert [str(path) for path in tree.glob("/*/[ab].conf")] == ["/d/a.conf", "/d/b.conf"]


def test_children_of_a_linked_directory_are_those_of_its_target() -> None:
    tree = Tree.of({"/usr/lib/a": "", "/lib": symlink("usr/lib")})
    assert tree.children("/lib") == ("a",)
    assert [str(path) for path in tree.walk("/lib")] == ["/usr/lib/a"]


def test_writing_keeps_owner_mode_and_label_and_follows_the_link() -> None:
    old = replace(file("a", 0o640, 5, 6), xattrs=(("security.selinux", b"etc_t\0"),))
    tree = Tree.of({"/etc/real": old, "/etc/link": symlink("real")})
    after = tree.write("/etc/link", "b")
    (change,) = after.since(tree)
    assert (change.path, change.action) == (PurePosixPath("/etc/real"), Action.REPLACE)
    assert change.after is not None
    assert (change.after.data, change.after.mode, change.after.uid, change.after.gid) == (b"b", 0o640, 5, 6)
    assert change.after.xattrs == old.xattrs
    assert tree.text("/etc/link") == "a"


def test_a_new_file_gets_the_label_of_a_sibling_and_its_directories() -> None:
    label = (("security.selinux", b"system_u:object_r:etc_t:s0\0"),)
    tree = Tree.of({"/etc/a": replace(file("a"), xattrs=label), "/etc": replace(directory(), xattrs=label)})
    after = tree.write("/etc/new/deep/b", "x", mode=0o600)
    assert [(str(change.path), change.action) for change in after.since(tree)] == [
        ("/etc/new", Action.CREATE),
        ("/etc/new/deep", Action.CREATE),
        ("/etc/new/deep/b", Action.CREATE),
    ]
    made = after.entry("/etc/new")
    assert made is not None
    assert made.xattrs == label


def test_a_write_below_a_link_to_nowhere_stays_inside_the_root() -> None:
    tree = Tree.of({"/etc/a": symlink("../../../var/new")})
    assert tree.write("/etc/a", "x").text("/var/new") == "x"


def test_changes_come_in_an_order_that_can_be_applied() -> None:
    big = replace(file(b""), data=None, size=100, allocated=4096)
    tree = Tree.of({"/log/old/a": big, "/log/live": big, "/etc/a": "1", "/etc/z": file("2", 0o777)})
    after = (
        tree.write("/etc/b/c", "new").write("/etc/a", "9").set_mode("/etc/z", mode=0o644).shorten("/log/live", 10)
    ).remove("/log/old")
    assert [(str(change.path), str(change.action)) for change in after.since(tree)] == [
        ("/log/old/a", "remove"),
        ("/log/old", "remove"),
        ("/log/live", "shorten"),
        ("/etc/a", "replace"),
        ("/etc/b", "create"),
        ("/etc/b/c", "create"),
        ("/etc/z", "metadata"),
    ]


def test_the_inverse_changes_give_the_first_tree_back() -> None:
    tree = Tree.of({"/etc/a": "1", "/etc/b": file("2", 0o600), "/etc/l": symlink("a")})
    after = tree.write("/etc/a", "9").remove("/etc/b").make_link("/etc/l", "b").make_dir("/etc/d")
    back = after.with_entries({str(change.path): change.inverse.after for change in after.since(tree)})
    assert back.since(tree) == ()
    assert tree.since(tree) == ()


def test_what_was_not_captured_cannot_be_undone_and_says_so() -> None:
    log = replace(file(b""), data=None, size=9000, allocated=12288)
    tree = Tree.of({"/var/log/x": log, "/etc/key": replace(log, mode=0o644)})
    removed, shortened, chmod = (
        tree.remove("/var/log/x").since(tree)[0],
        tree.shorten("/var/log/x", 100).since(tree)[0],
        tree.set_mode("/etc/key", mode=0o600).since(tree)[0],
    )
    assert (removed.reversible, removed.frees) == (False, 12288)
    assert (shortened.reversible, shortened.frees) == (False, 8192)
    assert (chmod.reversible, chmod.action) == (True, Action.METADATA)


def test_free_space_follows_what_is_removed_and_written() -> None:
    disk = FileSystem("/", size=100_000, free=0, available=0, inodes=10, inodes_free=0)
    logs = FileSystem("/var/log", size=100_000, free=0, available=0, inodes=10, inodes_free=0)
    linked = replace(file("x" * 4096), nlink=2)
    tree = Tree.of({"/a": "x" * 4096, "/var/log/b": "x" * 8192, "/hard": linked}, [disk, logs])
    after = tree.remove("/a", "/var/log/b", "/hard")
    assert [(each.mount, each.free, each.inodes_free) for each in after.filesystems] == [
        ("/", 4096, 1),
        ("/var/log", 8192, 1),
    ]
    written = after.write("/c", "y")
    assert [(each.free, each.inodes_free) for each in written.filesystems] == [(0, 0), (8192, 1)]


def test_a_mode_is_changed_for_every_name_of_the_file() -> None:
    entry = replace(file("x", 0o777), nlink=2, ident=(1, 7))
    tree = Tree.of({"/a": entry, "/b": entry, "/c": replace(entry, ident=(1, 8))})
    after = tree.set_mode("/a", mode=0o644)
    assert [str(change.path) for change in after.since(tree)] == ["/a", "/b"]


def test_shortening_keeps_the_end() -> None:
    tree = Tree.of({"/log": b"one\ntwo\n"})
    assert tree.shorten("/log", 4).data("/log") == b"two\n"
    assert tree.shorten("/log", 100) is tree


def test_special_files_have_no_content() -> None:
    tree = Tree.of({"/etc/ssh/sshd_config": Entry(Kind.FIFO, 0o644), "/dev/null": Entry(Kind.CHAR, 0o666)})
    assert tree.text("/etc/ssh/sshd_config") is None
    assert tree.data("/dev/null") is None


def test_a_file_system_is_that_of_the_longest_mount_point() -> None:
    tree = Tree.of({}, [FileSystem("/"), FileSystem("/var"), FileSystem("/var/log")])
    found = [tree.filesystem(path) for path in ("/varx", "/var/lib", "/var/log/a")]
    assert [each and each.mount for each in found] == [
        "/",
        "/var",
        "/var/log",
    ]


@pytest.mark.parametrize("path", ["relative", "", "./x"])
def test_a_relative_path_is_a_mistake_of_the_caller(path: str) -> None:
    with pytest.raises(ValueError):
        Tree.of({}).entry(path)


def test_the_root_is_a_pattern_for_itself() -> None:
    tree = Tree.of({"/etc/a": ""})
    assert [str(path) for path in tree.glob("/")] == ["/"]
    assert [str(path) for path in tree.glob("//")] == ["/"]


def test_a_pattern_asks_at_once_for_every_directory_that_it_needs() -> None:
    tree = Tree({"/": directory(), **{f"/{name}": directory() for name in "abc"}}, [Read("/", depth=1)])
    with pytest.raises(NotCaptured) as wanted:
        tree.glob("/*/*.conf")
    assert wanted.value.reads == tuple(Read(f"/{name}", depth=1, content=False) for name in "abc")
    with pytest.raises(NotCaptured) as wanted:
        tree.glob("/*/one")
    assert [read.path for read in wanted.value.reads] == ["/a/one", "/b/one", "/c/one"]


def test_a_pattern_in_one_directory_asks_for_what_stands_in_the_files() -> None:
    tree = Tree({"/": directory(), "/a": directory()}, [Read("/", depth=1)])
    with pytest.raises(NotCaptured) as wanted:
        tree.glob("/a/*.conf")
    assert wanted.value.reads == (Read("/a", depth=1),)


def test_a_pattern_over_the_whole_disk_is_given_up() -> None:
    tree = Tree.of({f"/srv/{number}/x": "" for number in range(1001)})
    with pytest.raises(TooMany):
        tree.glob("/*/*/*")
    assert len(tree.glob("/*/*")) == 1001


def test_what_was_found_out_is_kept_by_an_enlarged_snapshot_alone() -> None:
    asked: list[str] = []

    def find() -> str:
        asked.append("again")
        return "found"

    tree = Tree({"/": directory()}, [Read("/", depth=0)])
    assert tree.kept("key", find) == "found"
    larger = tree.merged(Tree.of({"/etc/a": ""}))
    assert larger.kept("key", find) == "found"
    assert len(asked) == 1
    larger.write("/etc/a", "other").kept("key", find)
    assert len(asked) == 2
    larger.kept("other", find)
    tree.kept("other", find)
    assert len(asked) == 4


def test_what_was_found_out_without_a_file_is_not_kept_once_it_is_read() -> None:
    """Too large for the limit that was asked for first: whoever was told so has to ask again."""
    small = Tree({"/": directory(), "/big": Entry(Kind.FILE, 0o644, size=100)}, [Read("/big", depth=0, limit=10)])
    assert small.kept("text", lambda: small.text_if_read("/big")) is None
    larger = small.merged(Tree.of({"/big": "x" * 100}))
    assert larger.kept("text", lambda: larger.text_if_read("/big")) == "x" * 100


def test_a_question_that_the_snapshot_is_too_small_for_is_asked_again() -> None:
    tree = Tree({"/": directory()}, [Read("/", depth=0)])
    with pytest.raises(NotCaptured):
        tree.kept("text", lambda: tree.text("/etc/a"))
    larger = tree.merged(Tree.of({"/etc/a": "text"}))
    assert larger.kept("text", lambda: larger.text("/etc/a")) == "text"
