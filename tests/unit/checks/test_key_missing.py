import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.tree import Entry, directory, file, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import KEY, PASSWORD_HASH, SSHD_CONFIG, healthy, server

pytestmark = pytest.mark.unit

HOME, SSH, KEYS = "/home/alice", "/home/alice/.ssh", "/home/alice/.ssh/authorized_keys"
MINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
ALICE = Client(user="alice")
WITH_KEY = Client(user="alice", key=MINE)
NO_KEYS: dict[str, Entry | str | bytes | None] = {KEYS: None, "/root/.ssh/authorized_keys": None}
HASH = f"alice:{PASSWORD_HASH}:19700:0:99999:7:::\nroot:*:19700:0:99999:7:::\n"


def own(text: str, mode: int = 0o600) -> Entry:
    return file(text, mode, 1000, 1000)


def test_a_key_is_added_as_a_line_of_its_own() -> None:
    tree = server()
    finding = only_finding(tree, "key-missing", WITH_KEY)
    assert (finding.severity, finding.symptom, finding.subject) == (Severity.BROKEN, Symptom.DENIED, "alice")
    plan = mended(tree, WITH_KEY)
    assert changed_paths(plan) == [KEYS]
    assert diff(plan, KEYS) == ([], [MINE])


@pytest.mark.parametrize(
    "old, new",
    [
        (f"{KEY} x", f"{KEY} x\n{MINE}\n"),
        (f"# c\r\n{KEY} x\r\n", f"# c\r\n{KEY} x\r\n{MINE}\r\n"),
        ("", f"{MINE}\n"),
        (f"\udcff junk\n{KEY}\n\n", f"\udcff junk\n{KEY}\n\n{MINE}\n"),
    ],
)
def test_what_is_there_stays_byte_for_byte(old: str, new: str) -> None:
    tree = server({KEYS: own(old)})
    assert mended(tree, WITH_KEY).after.facts.tree.text(KEYS) == new


def test_directory_and_file_are_made_as_the_users_own() -> None:
    tree = server({KEYS: None, SSH: None})
    after = mended(tree, WITH_KEY).after.facts.tree
    for path, mode in ((SSH, 0o700), (KEYS, 0o600)):
        entry = after.entry(path)
        assert entry is not None
        assert (entry.mode, entry.uid, entry.gid) == (mode, 1000, 1000)


def test_a_file_that_is_not_trusted_is_mended_with_it() -> None:
    tree = server({KEYS: own(KEY, 0o666)})
    after = mended(tree, WITH_KEY).after.facts.tree.entry(KEYS)
    assert after is not None
    assert after.mode == 0o644


def test_a_central_file_stays_the_administrators() -> None:
    config = f"AuthorizedKeysFile /etc/ssh/keys/%u\n{SSHD_CONFIG}"
    tree = server({"/etc/ssh/sshd_config": config, "/etc/ssh/keys": directory()})
    after = mended(tree, WITH_KEY).after.facts.tree.entry("/etc/ssh/keys/alice")
    assert after is not None
    assert (after.mode, after.uid) == (0o644, 0)


def test_a_key_that_is_known_is_no_finding_whatever_its_comment() -> None:
    assert causes(server(), Client(user="alice", key=f"{KEY} me@elsewhere")) == []


def test_a_dead_line_with_the_key_is_pointed_out() -> None:
    tree = server({KEYS: own(f"{KEY}\nno-such-option {MINE}\n")})
    finding = only_finding(tree, "key-missing", WITH_KEY)
    assert str(finding.locations[0]) == f"{KEYS}:2"
    assert "neither an option" in finding.message


@pytest.mark.parametrize(
    "name", [".ssh/authorized_key", ".ssh/authorised_keys", ".ssh/authorized_keys.txt", ".ssh/authorized_keys.bak",
             ".ssh/authorized_keys~", ".ssh/Authorized_Keys", "authorized_keys", "ssh/authorized_keys"],
)  # fmt: skip
def test_keys_in_a_misnamed_file_are_put_where_sshd_looks(name: str) -> None:
    tree = server({KEYS: None, f"{HOME}/{name}": own(f"# mine\nno-pty {KEY} me\nbroken\n")})
    only_finding(tree, "key-missing", ALICE)
    plan = mended_if_agreed(tree, ALICE)
    assert changed_paths(plan) == [KEYS]
    assert plan.after.facts.tree.text(KEYS) == f"no-pty {KEY} me\n"


@pytest.mark.parametrize(
    "planted", [file(KEY, 0o666, 1000, 1000), file(KEY, 0o644, 1001), file(KEY, 0o664, 1000, 100), symlink("/etc/x")]
)
def test_keys_that_somebody_else_may_have_planted_are_left(planted: Entry) -> None:
    tree = server({KEYS: None, f"{SSH}/authorized_key": planted, "/etc/x": KEY})
    finding = only_finding(tree, "key-missing", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_without_any_key_the_person_is_asked_for_one() -> None:
    finding = only_finding(server({KEYS: None}), "key-missing", ALICE)
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]
    assert "--key" in finding.repairs[0].title


def test_where_nobody_has_a_key_root_and_people_are_named_once_each() -> None:
    assert causes(server(NO_KEYS)) == ["key-missing", "key-missing"]


def test_a_user_without_keys_is_no_finding_where_another_has_some() -> None:
    assert causes(server({KEYS: None})) == []


def test_a_password_that_works_needs_no_key() -> None:
    assert causes(server({**NO_KEYS, "/etc/shadow": HASH})) == []
    assert causes(server({KEYS: None, "/etc/shadow": HASH}), ALICE) == []
    assert causes(server({KEYS: None, "/etc/shadow": HASH}), WITH_KEY) == ["key-missing"]


def test_a_password_that_sshd_does_not_ask_for_is_none() -> None:
    off = {"/etc/ssh/sshd_config": f"PasswordAuthentication no\n{SSHD_CONFIG}", "/etc/shadow": HASH}
    assert causes(server({KEYS: None, **off}), ALICE) == ["password-login-off"]
    assert causes(server({KEYS: None, **off}), WITH_KEY) == ["key-missing"]


def test_roots_password_counts_only_where_root_may_use_it() -> None:
    shadow = f"root:{PASSWORD_HASH}:19700:0:99999:7:::\n"
    gone = {"/root/.ssh/authorized_keys": None, "/etc/shadow": shadow}
    assert causes(server(gone), Client(user="root")) == ["password-login-off"]
    allowed = {"/etc/ssh/sshd_config": f"PermitRootLogin yes\n{SSHD_CONFIG}"}
    assert causes(server({**gone, **allowed}), Client(user="root")) == []


@pytest.mark.parametrize(("link", "target"), [(KEYS, "/mnt/keys/alice"), (SSH, "/mnt/ssh"), (KEYS, "keys")])
def test_a_link_that_leads_nowhere_is_replaced_and_not_written_through(link: str, target: str) -> None:
    gone = dict.fromkeys((KEYS, SSH) if link == SSH else (KEYS,))
    tree = server({**gone, link: symlink(target), "/mnt": directory()})
    assert f"{link} is a dangling link ({target})" in only_finding(tree, "key-missing", WITH_KEY).message
    plan = mended(tree, WITH_KEY)
    assert changed_paths(plan) == sorted({link, KEYS})
    entry = plan.after.facts.tree.lentry(KEYS)
    assert entry is not None
    assert (entry.is_file, entry.uid, entry.mode) == (True, 1000, 0o600)


def test_keys_from_a_command_leave_it_open() -> None:
    config = f"AuthorizedKeysCommand /usr/bin/bash\nAuthorizedKeysCommandUser root\n{SSHD_CONFIG}"
    tree = server({KEYS: None, "/etc/ssh/sshd_config": config})
    finding = only_finding(tree, "key-missing", WITH_KEY)
    assert finding.severity is Severity.DOUBTFUL
    assert "AuthorizedKeysCommand" in finding.reason
    # What it prints is not judged, and that is no finding.
    assert causes(tree, ALICE) == []


def test_a_certificate_authority_may_be_all_that_is_meant() -> None:
    assert causes(server({KEYS: own(f"cert-authority {KEY}\n")}), ALICE) == []


def test_a_key_without_a_user_is_added_for_one_account_only() -> None:
    plan = mended(server(), Client(key=MINE))
    assert changed_paths(plan) == ["/root/.ssh/authorized_keys"]
    assert causes(server({KEYS: own(MINE)}), Client(key=MINE)) == []


@pytest.mark.parametrize("entry", [directory(0o700, 1000, 1000), symlink("authorized_keys"), symlink("/gone/keys")])
def test_odd_things_in_the_place_of_the_file_do_not_crash(entry: Entry) -> None:
    assert causes(server({KEYS: entry}), WITH_KEY) == ["key-missing"]


def test_a_home_that_is_gone_gets_no_key() -> None:
    gone: dict[str, Entry | str | bytes | None] = {path: None for path in healthy() if path.startswith(HOME)}
    assert causes(server(gone), WITH_KEY) == ["home-missing"]


def test_a_key_that_was_pasted_in_pieces_is_made_whole() -> None:
    kind, blob = KEY.split()
    tree = server({KEYS: own(f"# mine\n{kind} {blob[:30]}\n{blob[30:]} me\n", 0o666)})
    only_finding(tree, "key-missing", ALICE)
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == [KEYS]
    assert plan.after.facts.tree.text(KEYS) == f"# mine\n{KEY} me\n"
    entry = plan.after.facts.tree.entry(KEYS)
    assert entry is not None
    assert entry.mode == 0o644


OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDydlz0NCO15T3yiPHEXsKJ3fzqX1YuVc6YB1xgtSxPM"


def test_a_key_may_have_a_certificate_of_the_authority_in_the_file() -> None:
    """That is how short-lived certificates are set up for one account: a doubt, and no false alarm."""
    path = "/home/alice/.ssh/authorized_keys"
    tree = server({path: file(f'cert-authority,principals="alice" {OTHER_KEY} ca\n', 0o600, 1000, 1000)})
    finding = only_finding(tree, "key-missing", Client(user="alice", key=KEY))
    assert finding.severity is Severity.DOUBTFUL
    assert "-cert.pub" in finding.reason
    own = server({path: file(f"cert-authority {KEY} ca\n", 0o600, 1000, 1000)})
    assert only_finding(own, "key-missing", Client(user="alice", key=KEY)).severity is Severity.BROKEN
