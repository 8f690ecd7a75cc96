"""The snapshot is as large as was asked for, holds what links point to, and never claims more than was looked at."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rescue.examine import declared_reads
from rescue.targets.files.capture import Budget, Capture
from rescue.targets.protocol import TargetError
from rescue.tree import CONTENT_LIMIT, RULES_LIMIT, Entry, NotCaptured, Read, Tree, Unread, directory, file, symlink

pytestmark = pytest.mark.unit


class MemorySource:
    """Looks at a literal tree, one entry at a time, without following anything; and remembers what was asked."""

    def __init__(self, tree: Tree, closed: frozenset[str] = frozenset()) -> None:
        self.entries = {str(path): entry for path in tree.paths() if (entry := tree.lentry(path)) is not None}
        self.closed = closed
        self.failed: dict[str, str] = {}
        self.looked: list[str] = []

    def lookup(self, path: str, limit: int, budget: Budget) -> Entry | None:
        self.looked.append(path)
        entry = self.entries.get(path)
        return None if entry is None else self._cut(entry, limit)

    def listing(self, path: str, limit: int, budget: Budget) -> list[tuple[str, Entry]]:
        base = "" if path == "/" else path
        return [
            (each.removeprefix(base + "/"), self._cut(entry, limit))
            for each, entry in self.entries.items()
            if each != "/" and each.rpartition("/")[0] == base
        ]

    def _cut(self, entry: Entry, limit: int) -> Entry:
        if entry.is_file and entry.size > limit:
            return Entry(entry.kind, entry.mode, size=entry.size)
        return entry


def captured(entries: Mapping[str, Entry | str | bytes], *reads: Read) -> Tree:
    return Capture(MemorySource(Tree.of(entries))).tree(reads, ())


def test_a_file_comes_with_the_directories_above_it() -> None:
    tree = captured({"/etc/ssh/sshd_config": "Port 22\n", "/etc/other": ""}, Read("/etc/ssh/sshd_config"))
    assert [str(path) for path in tree.paths()] == ["/", "/etc", "/etc/ssh", "/etc/ssh/sshd_config"]


def test_what_is_missing_is_known_to_be_missing() -> None:
    tree = captured({"/etc/here": ""}, Read("/etc/a/b/c"), Read("/nowhere", depth=3))
    assert tree.entry("/etc/a/b/c") is None
    assert tree.entry("/etc/a") is None
    assert tree.children("/nowhere") == ()
    with pytest.raises(NotCaptured):
        tree.entry("/etc/here")


def test_a_path_below_a_file_is_missing() -> None:
    tree = captured({"/etc/file": ""}, Read("/etc/file/below"))
    assert tree.entry("/etc/file/below") is None


def test_a_link_at_the_end_brings_its_target() -> None:
    tree = captured({"/etc/a": symlink("../usr/b"), "/usr/b": symlink("c"), "/usr/c": "content"}, Read("/etc/a"))
    assert tree.data("/etc/a") == b"content"
    assert tree.data("/usr/c") == b"content"


def test_a_link_on_the_way_moves_the_read() -> None:
    entries: dict[str, Entry | str] = {"/lib": symlink("usr/lib"), "/usr/lib/systemd/system/ssh.service": "[Unit]\n"}
    tree = captured(entries, Read("/lib/systemd/system", depth=1))
    assert tree.children("/usr/lib/systemd/system") == ("ssh.service",)
    assert tree.data("/lib/systemd/system/ssh.service") == b"[Unit]\n"


def test_links_in_a_directory_bring_their_targets() -> None:
    entries: dict[str, Entry | str] = {
        "/etc/wants/a.service": symlink("/lib/a.service"),
        "/etc/wants/b": symlink("/srv/folder"),
        "/etc/wants/c": symlink("/gone"),
        "/lib": symlink("usr/lib"),
        "/usr/lib/a.service": "[Unit]\n",
        "/srv/folder/one": "1",
        "/srv/folder/two": symlink("../three"),
        "/srv/three": "3",
    }
    tree = captured(entries, Read("/etc/wants"))
    assert tree.data("/etc/wants/a.service") == b"[Unit]\n"
    assert tree.children("/etc/wants/b") == ("one", "two")
    assert tree.data("/etc/wants/b/one") == b"1"
    assert tree.data("/etc/wants/b/two") == b"3"
    assert tree.entry("/etc/wants/c") is None


def test_a_link_in_a_read_without_content_brings_no_content() -> None:
    tree = captured({"/a/l": symlink("/b"), "/b": "text"}, Read("/a", content=False))
    assert tree.entry("/a/l") is not None
    with pytest.raises(NotCaptured):
        tree.data("/a/l")


def test_a_program_behind_a_link_is_not_read_unasked() -> None:
    program = bytes(300 << 10)
    tree = captured({"/etc/alternatives/vi": symlink("/usr/bin/vim"), "/usr/bin/vim": program}, Read("/etc"))
    found = tree.entry("/etc/alternatives/vi")
    assert found is not None
    assert found.size == len(program)
    with pytest.raises(NotCaptured):
        tree.data("/etc/alternatives/vi")


def test_a_link_to_the_root_does_not_bring_the_disk() -> None:
    tree = captured({"/etc/all": symlink("/"), "/usr/bin/thing": ""}, Read("/etc"))
    assert tree.entry("/etc/all") is not None
    with pytest.raises(NotCaptured):
        tree.entry("/usr")


def test_a_wider_read_fills_in_what_a_narrower_one_left_out() -> None:
    entries = {"/etc/big": "x" * 100, "/etc/d/e/f": "deep"}
    reads = (Read("/etc", depth=1, content=False), Read("/etc", depth=5, limit=10), Read("/etc/big"))
    for order in (reads, reads[::-1]):
        tree = captured(entries, *order)
        assert tree.data("/etc/big") == b"x" * 100
        assert tree.data("/etc/d/e/f") == b"deep"


def test_what_is_closed_is_entered_only_by_name() -> None:
    source = MemorySource(Tree.of({"/run/nologin": "no", "/etc/a": ""}), closed=frozenset({"/run"}))
    assert Capture(source).tree([Read("/", depth=3)], ()).lentry("/run") == directory()
    tree = Capture(source).tree([Read("/", depth=3), Read("/run/nologin")], ())
    assert tree.data("/run/nologin") == b"no"


def test_nothing_is_looked_up_twice() -> None:
    source = MemorySource(Tree.of({"/etc/a": "", "/etc/b": symlink("a")}))
    Capture(source).tree([Read("/etc/a"), Read("/etc/a"), Read("/etc/b"), Read("/etc/none"), Read("/etc/none")], ())
    assert len(source.looked) == len(set(source.looked))


def test_a_budget_ends_with_a_word() -> None:
    budget = Budget()
    with pytest.raises(TargetError, match="files"):
        budget.expect("/etc", 200_001)
    with pytest.raises(TargetError, match="MiB"):
        budget.add_bytes("/etc/x", (256 << 20) + 1)


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)
ENTRIES = st.dictionaries(
    PATHS,
    st.one_of(
        st.builds(file, st.sampled_from([b"", b"text", b"longer text"])),
        st.builds(symlink, TARGETS),
        st.builds(symlink, TARGETS.map(lambda each: "/" + each)),
        st.builds(directory),
    ),
    max_size=10,
)
READS = st.lists(st.builds(Read, PATHS, st.integers(0, 2), st.booleans(), st.sampled_from([3, 1 << 20])), max_size=4)
LINKED = st.lists(st.sampled_from(["a", "b", "c", ".."]), min_size=1, max_size=5).map(lambda each: "/" + "/".join(each))


def consistent(entries: dict[str, Entry]) -> dict[str, Entry]:
    """The entries that can exist together: nothing lies below a file or a link."""
    kept: dict[str, Entry] = {}
    for path in sorted(entries):
        above = [path[:at] for at in range(1, len(path)) if path[at] == "/"]
        if all(each not in kept or kept[each].is_dir for each in above):
            kept[path] = entries[path]
    return kept


@given(ENTRIES.map(consistent), READS, LINKED)
@example({"/a": directory(), "/b": symlink("..")}, [Read("/b/c", 1, False, 3)], "/a")
@settings(max_examples=400, deadline=None)
def test_a_partial_snapshot_never_contradicts_the_whole(
    entries: dict[str, Entry], reads: list[Read], path: str
) -> None:
    whole = Tree.of(entries)
    part = Capture(MemorySource(whole)).tree(reads, ())
    for read in reads:
        part.require(Read(read.path, read.depth, read.content, read.limit))
    for question in (Tree.entry, Tree.lentry, Tree.children, Tree.data):
        try:
            answer = question(part, path)
        except NotCaptured:
            continue
        except Unread:
            # Asked for with a limit, and larger than it.
            assert len(whole.data(path) or b"") > 3
            assert part.unread
            continue
        truth = question(whole, path)
        if isinstance(answer, Entry) and isinstance(truth, Entry) and answer.data is None:
            assert (answer.kind, answer.size, answer.link) == (truth.kind, truth.size, truth.link)
        else:
            assert answer == truth


def test_large_files_are_read_as_long_as_there_is_room() -> None:
    budget = Budget()
    assert budget.has_room(100 << 20)
    budget.add_bytes("/etc/a", 100 << 20)
    assert not budget.has_room(64 << 20)
    assert budget.has_room(28 << 20)
    assert budget.has_room(1 << 20)
    budget.add_bytes("/etc/b", 28 << 20)
    assert not budget.has_room((1 << 20) + 1)
    assert budget.has_room(1 << 20)


def test_rules_may_be_larger_than_other_configuration() -> None:
    reads = {read.path: read.limit for read in declared_reads()}
    for path in ("/etc/iptables", "/etc/nftables.conf", "/etc/ufw", "/etc/ipset.conf", "/etc/sysconfig/iptables"):
        assert reads[path] == RULES_LIMIT
    assert reads["/etc/passwd"] == reads["/etc/ssh"] == CONTENT_LIMIT >= 16 << 20
