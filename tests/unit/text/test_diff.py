"""A change is shown as diff(1) would, without the secrets."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescue.text.diff import MAX_OUTPUT, NO_NEWLINE, unified
from rescue.tree import Change, Entry, Kind, directory, file, symlink
from tests.trees import HOST_KEY, KEY

pytestmark = pytest.mark.unit

HASH = "$6$saltsalt$" + "Qx9" * 28
KEY_BODY = HOST_KEY.split("\n")[1]


def shown(
    before: Entry | str | bytes | None, after: Entry | str | bytes | None, path: str = "/etc/x", context: int = 3
) -> list[str]:
    entries = [each if each is None or isinstance(each, Entry) else file(each) for each in (before, after)]
    return list(unified(Change(PurePosixPath(path), *entries), context))


def test_a_changed_line_stands_between_its_neighbours() -> None:
    before = "".join(f"{number}\n" for number in range(1, 21))
    assert shown(before, before.replace("10\n", "ten\n")) == [
        "--- /etc/x",
        "+++ /etc/x",
        "@@ -7,7 +7,7 @@",
        " 7",
        " 8",
        " 9",
        "-10",
        "+ten",
        " 11",
        " 12",
        " 13",
    ]


lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "d\n"]), max_size=30)


@given(lines, lines, st.integers(0, 4))
@example(["a\n"], [], 0)
@example(["a\n", "b\n", "a\n"], ["a\n", "a\n"], 0)
@example(["a\n", "a\n", "a\n"], ["a\n", "b\n", "a\n", "a\n"], 2)
@example(["c\n", "c\n", "b\n", "a\n", "c\n"], ["c\n", "b\n", "c\n", "\n"], 0)
def test_the_hunks_lead_from_one_file_to_the_other(before: list[str], after: list[str], context: int) -> None:
    body = shown("".join(before), "".join(after), context=context)[2:]
    assert applied(body, before) == after
    # What both files begin and end with, further away than the context, never goes and comes.
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    far = max(0, head - context) + max(0, tail - context)
    assert sum(line[0] == "-" for line in body) <= len(before) - far
    assert sum(line[0] == "+" for line in body) <= len(after) - far


def applied(body: list[str], before: list[str]) -> list[str]:
    """patch(1) in small."""
    made, at = [], 0
    for line in body:
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            begin = int(start) - (length != "0")
            made += before[at:begin]
            at = begin
        elif line[0] == "+":
            made.append(line[1:] + "\n")
        else:
            assert before[at] == line[1:] + "\n"
            at += 1
            if line[0] == " ":
                made.append(line[1:] + "\n")
    return made + before[at:]


def test_a_missing_final_newline_is_told() -> None:
    assert shown("a", "a\n") == ["--- /etc/x", "+++ /etc/x", "@@ -1 +1 @@", "-a", NO_NEWLINE, "+a"]


def test_a_carriage_return_is_seen_where_it_makes_the_difference() -> None:
    assert shown("a\r\nb\n", "a\nb\n")[3:] == ["-a\\r", "+a", " b"]


def test_a_file_with_crlf_throughout_says_so_once() -> None:
    assert shown("a\r\nb\r\n", "a\r\nc\r\n")[2:] == ["(lines end in CRLF)", "@@ -1,2 +1,2 @@", " a", "-b", "+c"]


def test_a_new_file_is_shown_with_its_mode_and_owner() -> None:
    assert shown(None, file("a\n", 0o600, 1000, 1000)) == [
        "--- /dev/null",
        "+++ /etc/x",
        "new file, mode 0600, owner 1000:1000",
        "@@ -0,0 +1 @@",
        "+a",
    ]


def test_a_removed_file_is_shown_with_what_it_held() -> None:
    assert shown("a\n", None) == ["--- /etc/x", "+++ /dev/null", "file removed (2 bytes)", "@@ -1 +0,0 @@", "-a"]


def test_an_empty_file_that_comes_or_goes_is_told() -> None:
    assert shown(None, "")[2:] == ["new file, mode 0644, owner 0:0"]
    assert shown("", None)[2:] == ["file removed (0 bytes)"]


def test_mode_and_owner_are_told_in_words() -> None:
    assert shown(directory(0o775), directory(0o755, 1000, 1000))[2:] == ["mode 0775 -> 0755", "owner 0:0 -> 1000:1000"]


def test_extended_attributes_and_flags_are_told_in_words() -> None:
    before = replace(
        file("a\n"),
        xattrs=(
            ("security.selinux", b"system_u:object_r:etc_t:s0\0"),
            ("system.posix_acl_access", b"\x02\0"),
            ("user.\x1b[2J", b"1"),
        ),
        flags=0x10,
    )
    after = replace(file("a\n"), xattrs=(("security.selinux", b"system_u:object_r:sshd_key_t:s0\0"), ("user.b", b"")))
    assert shown(before, after)[2:] == [
        "SELinux label system_u:object_r:etc_t:s0 -> system_u:object_r:sshd_key_t:s0",
        "access ACL removed",
        "attribute user.\\x1b[2J removed",
        "attribute user.b added",
        "immutable flag taken off",
    ]


def test_links_are_shown_by_their_targets() -> None:
    assert shown(symlink("/lib/a"), symlink("/lib/b"))[2:] == ["-link to /lib/a", "+link to /lib/b"]
    assert shown(symlink("/dev/null"), None)[2:] == ["-link to /dev/null"]


def test_a_link_that_becomes_a_file_is_told() -> None:
    found = shown(symlink("/dev/null"), "a\n")[2:]
    assert found == ["link -> file", "mode 0777 -> 0644", "-link to /dev/null", "@@ -0,0 +1 @@", "+a"]


def test_a_shortened_log_is_told_with_its_sizes() -> None:
    log = Entry(Kind.FILE, 0o640, size=300 << 20, allocated=300 << 20)
    short = replace(log, size=8 << 20, allocated=8 << 20)
    assert shown(log, short)[2:] == ["shortened: of 300 MiB the last 8 MiB stay"]


def test_a_removed_log_that_was_not_read_is_told_with_its_size() -> None:
    assert shown(Entry(Kind.FILE, 0o640, size=300 << 20), None)[2:] == ["file removed (300 MiB)", "(content not read)"]


def test_binary_content_is_summed_up() -> None:
    assert shown(b"\x7fELF\0\0", b"\x7fELF\0\0\0")[2:] == ["(binary content: 6 bytes -> 7 bytes)"]


def test_bytes_that_are_no_text_and_escape_sequences_are_made_visible() -> None:
    assert shown(b"\xff\x1b[2J\n", b"a\n")[3:] == ["-\\xff\\x1b[2J", "+a"]


def test_a_hostile_name_does_not_drive_the_terminal() -> None:
    visible = "/etc/\\x1b[2J\\n\\u202e"
    assert shown("a\n", "b\n", "/etc/\x1b[2J\n\u202e")[:2] == [f"--- {visible}", f"+++ {visible}"]


def test_a_long_line_is_cut_with_its_length() -> None:
    found = shown("a\n", "x" * 5000 + "\n")
    assert found[-1].endswith("... (5000 characters)")
    assert len(found[-1]) < 250


def test_a_long_diff_is_cut_with_the_number_of_its_lines() -> None:
    found = shown("", "a\n" * 100_000)
    assert len(found) == 2 + MAX_OUTPUT + 1
    assert found[-1] == f"(and {100_001 - MAX_OUTPUT} more lines)"


def test_nothing_is_shown_where_nothing_differs() -> None:
    assert shown("a\n", "a\n") == []


# -- secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/etc/ssh/ssh_host_ed25519_key", "/home/alice/.ssh/id_ed25519", "/etc/ssh/x"])
def test_a_private_key_is_never_shown(path: str) -> None:
    for found in (shown(None, HOST_KEY, path), shown(HOST_KEY, None, path), shown(HOST_KEY, "", path)):
        assert "private key, not shown" in found[-1]
        assert KEY_BODY not in "\n".join(found)


def test_a_damaged_host_key_is_known_by_its_name() -> None:
    found = shown(KEY_BODY, HOST_KEY, "/etc/ssh/ssh_host_rsa_key")
    assert KEY_BODY not in "\n".join(found)


def test_a_public_key_is_shown() -> None:
    assert shown(None, KEY + "\n", "/root/.ssh/authorized_keys")[-1] == "+" + KEY
    assert shown(None, KEY + "\n", "/etc/ssh/ssh_host_ed25519_key.pub")[-1] == "+" + KEY


def test_a_key_inside_another_file_is_marked_and_the_rest_is_shown() -> None:
    found = shown("users: []\n" + HOST_KEY + "port: 22\n", "users: []\n" + HOST_KEY + "port: 2222\n", context=9)
    assert KEY_BODY not in "\n".join(found)
    assert found[3:6] == [" users: []", " (private key: not shown)", " (private key: not shown)"]
    assert found[-2:] == ["-port: 22", "+port: 2222"]


def test_a_key_on_one_line_is_marked() -> None:
    one = HOST_KEY.replace("\n", "\\n")
    assert shown(f'key: "{one}"\na\n', "a\n", context=0)[-1] == "-(private key: not shown)"


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/passwd", "/etc/shadow.bak"])
@pytest.mark.parametrize("secret", [HASH, "ab0cD3fGh1jKl", "$y$j9T$salt$hashhash", "_J9..rasmBYk8r9AiWNc"])
def test_a_password_hash_is_never_shown_and_a_lock_is(path: str, secret: str) -> None:
    found = shown(f"alice:!{secret}:19700:0:99999:7:::\n", f"alice:{secret}:19700:0:99999:7:::\n", path)
    assert found[-2:] == [
        "-alice:!(hash not shown):19700:0:99999:7:::",
        "+alice:(hash not shown):19700:0:99999:7:::",
    ]


def test_a_field_without_a_hash_is_shown_as_it_is() -> None:
    found = shown("root:*:19700::::::\nalice:!:1::::::\n", "root::19700::::::\nalice:!!:1::::::\n", "/etc/shadow")
    assert found[3:] == ["-root:*:19700::::::", "-alice:!:1::::::", "+root::19700::::::", "+alice:!!:1::::::"]


def test_a_hash_on_a_line_of_its_own_is_not_shown() -> None:
    assert shown("ab0cD3fGh1jKl\n", "", "/etc/shadow")[-1] == "-(line not shown)"


def test_old_passwords_are_not_shown() -> None:
    found = shown(f"alice:1000:2:{HASH},ab0cD3fGh1jKl\n", "", "/etc/security/opasswd")
    assert found[-1] == "-alice:1000:2:(hash not shown)"


@pytest.mark.parametrize(
    "line, expected",
    [
        (f"hashed_passwd: {HASH}", "hashed_passwd: (hash not shown)"),
        ("PrivateKey = aGVsbG8=", "PrivateKey = (not shown)"),
        ("psk=open sesame", "psk=(not shown)"),
        ('  password: "open sesame"', "  password: (not shown)"),
        ("PasswordAuthentication no", "PasswordAuthentication no"),
        ("PasswordAuthentication=no", "PasswordAuthentication=no"),
        ("passwd: files systemd", "passwd: files systemd"),
        ("@include common-password", "@include common-password"),
        ("password requisite pam_deny.so", "password requisite pam_deny.so"),
    ],
)
def test_a_shared_secret_is_marked_and_a_setting_is_not(line: str, expected: str) -> None:
    assert shown(line + "\n", "", "/etc/x")[-1] == "-" + expected


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(["/etc/x", "/etc/shadow"]))
@example(b"", b"Port\xc2\xa022", "/etc/x")
def test_any_content_gives_printable_lines(before: bytes, after: bytes, path: str) -> None:
    for line in shown(before, after, path):
        assert line.isprintable()
