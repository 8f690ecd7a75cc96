import pytest

from rescue.keys.ed25519 import new_key_pair
from rescue.keys.host_keys import private_key_type
from rescue.model import Safety, Severity, Symptom
from rescue.tree import Entry, directory, file
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import HOST_KEY, SSH_SERVICE, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

KEY = "/etc/ssh/ssh_host_ed25519_key"
RSA = "/etc/ssh/ssh_host_rsa_key"
UNIT = "/usr/lib/systemd/system/ssh.service"


def test_a_new_key_is_made_where_none_is_left() -> None:
    tree = server({KEY: None, f"{KEY}.pub": None})
    finding = only_finding(tree, "hostkeys-missing")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    assert "IDENTIFICATION HAS CHANGED" in finding.repairs[0].steps
    plan = mended(tree)
    assert changed_paths(plan) == [KEY, f"{KEY}.pub"]
    after = plan.after.facts.tree
    private, public = after.entry(KEY), after.entry(f"{KEY}.pub")
    assert private is not None
    assert public is not None
    assert (private.mode, private.uid, private.gid) == (0o600, 0, 0)
    assert (public.mode, public.uid) == (0o644, 0)
    assert private_key_type(private.data or b"") == "ssh-ed25519"
    assert (after.text(f"{KEY}.pub") or "").endswith(" root@lab\n")


@pytest.mark.parametrize("left", ["", "\0" * 411, HOST_KEY[:200]])
def test_a_remnant_is_replaced(left: str) -> None:
    tree = server({KEY: file(left, 0o644, 5, 5)})
    only_finding(tree, "hostkeys-missing")
    entry = mended(tree).after.facts.tree.entry(KEY)
    assert entry is not None
    assert (entry.mode, entry.uid) == (0o600, 0)


@pytest.mark.parametrize(
    "damaged", [HOST_KEY.replace("\n", "\r\n"), HOST_KEY.rstrip("\n"), "\n" + HOST_KEY, "\ufeff" + HOST_KEY]
)
def test_line_ends_are_put_right_and_the_identity_stays(damaged: str) -> None:
    tree = server({KEY: file(damaged, 0o600)})
    only_finding(tree, "hostkeys-missing")
    plan = mended(tree)
    assert changed_paths(plan) == [KEY]
    assert plan.after.facts.tree.text(KEY) == HOST_KEY


def test_one_key_that_loads_is_enough() -> None:
    assert causes(server({RSA: "damaged"})) == []


def test_only_configured_keys_count_and_the_new_one_goes_there() -> None:
    tree = server({"/etc/ssh/sshd_config": f"HostKey /etc/ssh/mine\n{SSHD_CONFIG}"})
    only_finding(tree, "hostkeys-missing")
    assert changed_paths(mended(tree)) == ["/etc/ssh/mine", "/etc/ssh/mine.pub"]


def test_keys_of_an_agent_are_not_on_the_disk() -> None:
    assert causes(server({KEY: None, "/etc/ssh/sshd_config": f"HostKeyAgent /run/agent\n{SSHD_CONFIG}"})) == []


def test_a_key_behind_a_passphrase_is_never_replaced() -> None:
    # The envelope of a key that ssh-keygen protected: cipher and derivation are named, the rest is opaque.
    locked = new_key_pair().private_file("x").replace("AAAABG5vbmUAAAAEbm9uZQ", "AAAABG5vbmUAAAAEYmNyeQ")
    tree = server({KEY: file(locked, 0o600), "/etc/ssh/sshd_config": f"HostKey {KEY}\n{SSHD_CONFIG}"})
    finding = only_finding(tree, "hostkeys-missing")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]
    assert "passphrase" in finding.message


def test_systems_that_make_missing_keys_at_each_start_need_no_help() -> None:
    red_hat: dict[str, Entry | str | bytes | None] = {
        KEY: None,
        "/usr/lib/os-release": 'ID=rocky\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n',
        UNIT: SSH_SERVICE.replace("[Service]", "Wants=sshd-keygen.target\n[Service]"),
        "/usr/lib/systemd/system/sshd-keygen.target": "[Unit]\n",
    }
    assert causes(server(red_hat)) == []
    assert causes(server({**red_hat, KEY: file("damaged", 0o600), RSA: "x", "/etc/ssh/ssh_host_ecdsa_key": "x"})) == [
        "hostkeys-missing"
    ]
    suse = SSH_SERVICE.replace("ExecStartPre=", "ExecStartPre=/usr/sbin/sshd-gen-keys-start\nExecStartPre=")
    assert causes(server({KEY: None, UNIT: suse})) == []


def test_a_dsa_key_is_none_to_newer_versions() -> None:
    der = "-----BEGIN DSA PRIVATE KEY-----\nMAMCAQA=\n-----END DSA PRIVATE KEY-----\n"
    status = "Package: openssh-server\nStatus: install ok installed\nVersion: 1:{}p1-1\n"
    old, new = ({"/var/lib/dpkg/status": status.format(each)} for each in ("9.2", "10.0"))
    # The older ones load it, and offer it to nobody.
    assert causes(server({KEY: file(der, 0o600), **old})) == ["no-common-algorithm"]
    assert causes(server({KEY: file(der, 0o600), **new})) == ["hostkeys-missing"]


def test_a_directory_in_the_place_of_a_key_is_no_traceback() -> None:
    assert causes(server({KEY: directory()})) == ["hostkeys-missing"]


def test_no_key_material_is_in_the_message() -> None:
    finding = only_finding(server({KEY: file(HOST_KEY[:-60], 0o600)}), "hostkeys-missing")
    assert "b3BlbnNz" not in repr(finding)
