from __future__ import annotations

import pytest

from rescue.model import Client, Safety, Severity, Symptom
from rescue.sshd.handshake.clients import named, names
from rescue.tree import Entry, file, symlink
from tests.checking import causes, changed_paths, diff, mended, mended_if_agreed, only_finding
from tests.trees import DPKG_STATUS, RSA_HOST_KEY, server

pytestmark = pytest.mark.unit

PATH = "/etc/ssh/sshd_config.d/10-own.conf"
ALICE = Client(user="alice")
CHACHA = "chacha20-poly1305@openssh.com"
Changes = dict[str, Entry | str | bytes | None]


def own(*lines: str, version: str = "") -> Changes:
    made: Changes = {PATH: "".join(f"{line}\n" for line in lines)}
    if version:
        made["/var/lib/dpkg/status"] = DPKG_STATUS.replace("1:9.2p1-2+deb12u6", version)
    return made


@pytest.mark.parametrize(
    ("lines", "word", "offer", "becomes"),
    [
        (["Ciphers aes128-cbc"], "cipher", "aes128-cbc", f"Ciphers aes128-cbc,{CHACHA}"),
        (
            ["KexAlgorithms diffie-hellman-group1-sha1"],
            "key exchange method",
            "diffie-hellman-group1-sha1",
            "KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256",
        ),
        (
            ["MACs hmac-md5", "Ciphers aes256-ctr"],
            "MAC",
            "hmac-md5",
            "MACs hmac-md5,hmac-sha2-256-etm@openssh.com",
        ),
    ],
)
def test_nothing_that_todays_ssh_has(lines: list[str], word: str, offer: str, becomes: str) -> None:
    tree = server(own(*lines))
    finding = only_finding(tree, "no-common-algorithm", ALICE)
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert finding.words == f"Unable to negotiate with SERVER port 22: no matching {word} found. Their offer: {offer}"
    assert diff(mended(tree, ALICE), PATH) == ([lines[0]], [becomes])


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("Ciphers -*", "#Ciphers -*"),
        ("Ciphers -*ctr,*gcm@openssh.com,chacha*", "Ciphers -*ctr,*gcm@openssh.com"),
        ("HostKeyAlgorithms rsa-sha2-512", "HostKeyAlgorithms rsa-sha2-512,ssh-ed25519"),
        ("HostKeyAlgorithms -ssh-ed25519", "#HostKeyAlgorithms -ssh-ed25519"),
        (
            "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com",
            "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com,ssh-ed25519",
        ),
    ],
)
def test_nothing_is_left_or_no_host_key_fits(line: str, becomes: str) -> None:
    tree = server(own(line))
    assert only_finding(tree, "no-common-algorithm", ALICE).severity is Severity.BROKEN
    assert diff(mended(tree, ALICE), PATH) == ([line], [becomes])


@pytest.mark.parametrize(
    "lines",
    [
        (f"Ciphers {CHACHA},aes256-gcm@openssh.com", "MACs hmac-sha2-512-etm@openssh.com"),
        ("KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256",),
        ("KexAlgorithms curve25519-sha256@libssh.org",),
        ("HostKeyAlgorithms ssh-ed25519,rsa-sha2-512",),
        ("HostKeyAlgorithms ssh-ed2*",),
        # Nobody needs a MAC with the cipher that is taken first.
        ("MACs hmac-md5",),
        ("Ciphers aes256-gcm@openssh.com", "MACs hmac-md5"),
        ("Ciphers -aes128-ctr",),
        ("Ciphers +3des-cbc",),
        ("Ciphers ^3des-cbc",),
        ("KexAlgorithms -sntrup*,curve*,ecdh*",),
        ("#Ciphers aes128-cbc",),
        ("Match User bob", "PasswordAuthentication no"),
        # sshd takes the first line.
        ("Ciphers aes256-ctr", "Ciphers aes128-cbc"),
        ("Compression no",),
    ],
)
def test_lists_that_leave_enough(lines: tuple[str, ...]) -> None:
    assert causes(server(own(*lines)), ALICE) == []


def test_a_server_that_does_not_start_ssh_is_another_matter() -> None:
    gone = {"/etc/systemd/system/multi-user.target.wants/ssh.service": None}
    assert causes(server({**own("Ciphers aes128-cbc"), **gone}), ALICE) == ["sshd-disabled"]


@pytest.mark.parametrize(
    ("lines", "version", "reason"),
    [
        # Up to 9.9 ssh prefers aes128-ctr, which needs a MAC; 10.0 prefers AES-GCM.
        (["MACs hmac-md5", "Ciphers aes128-ctr,aes256-gcm@openssh.com"], "", "OpenSSH 10.0 and newer has one"),
        (["KexAlgorithms mlkem768x25519-sha256"], "1:10.0p1-7", "OpenSSH 9.9 or OpenSSH 10.0 and newer has one"),
    ],
)
def test_what_newer_clients_alone_have_is_a_doubt(lines: list[str], version: str, reason: str) -> None:
    tree = server(own(*lines, version=version))
    finding = only_finding(tree, "no-common-algorithm", ALICE)
    assert finding.severity is Severity.DOUBTFUL
    assert reason in finding.reason
    mended(tree, ALICE)


@pytest.mark.parametrize(
    ("lines", "program", "found"),
    [
        ([], "jsch-0.1", []),
        (["KexAlgorithms curve25519-sha256"], "jsch-0.1", ["no-common-algorithm"]),
        (["KexAlgorithms curve25519-sha256"], "jsch-0.2", []),
        (["MACs hmac-sha2-512-etm@openssh.com"], "putty-0.78", ["no-common-algorithm"]),
        (["MACs hmac-sha2-512-etm@openssh.com"], "putty-0.83", []),
        (["MACs hmac-sha2-512-etm@openssh.com"], "openssh-7.4", []),
        (["Ciphers aes256-gcm@openssh.com"], "paramiko-2.12", ["no-common-algorithm"]),
        (["Ciphers aes256-gcm@openssh.com"], "paramiko-3.5", []),
        (["Ciphers aes256-gcm@openssh.com"], "dropbear-2022.83", ["no-common-algorithm"]),
        (["Ciphers aes128-cbc"], "openssh-7.4", []),
        (["Ciphers aes128-cbc"], "openssh-7.6", ["no-common-algorithm"]),
    ],
)
def test_a_client_that_is_named(lines: list[str], program: str, found: list[str]) -> None:
    changes = {**own(*lines), "/etc/ssh/ssh_host_rsa_key": file(RSA_HOST_KEY, 0o600)}
    lines_of_keys = "HostKey /etc/ssh/ssh_host_ed25519_key\nHostKey /etc/ssh/ssh_host_rsa_key\n"
    changes["/etc/ssh/sshd_config.d/11-keys.conf"] = lines_of_keys + "HostKeyAlgorithms +ssh-rsa\n"
    client = Client(user="alice", program=program)
    tree = server(changes)
    assert causes(tree, client) == found
    if found:
        finding = only_finding(tree, "no-common-algorithm", client)
        assert named(program).title in finding.message
        assert finding.severity is Severity.BROKEN
        mended(tree, client)


def test_an_old_client_that_knows_weak_algorithms_alone_has_to_be_agreed_to() -> None:
    client = Client(user="alice", program="jsch-0.1")
    tree = server({"/etc/ssh/ssh_host_ed25519_key": None, "/etc/ssh/ssh_host_rsa_key": file(RSA_HOST_KEY, 0o600)})
    finding = only_finding(tree, "no-common-algorithm", client)
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL, Safety.UNSAFE]
    assert "it is weak" in finding.repairs[1].weakens
    plan = mended_if_agreed(tree, client)
    assert "HostKeyAlgorithms +ssh-rsa" in (plan.after.facts.tree.text("/etc/ssh/sshd_config") or "")
    assert causes(tree, ALICE) == []


BACK_END = "/etc/crypto-policies/back-ends/opensshserver.config"


def test_a_policys_own_file_is_left_alone() -> None:
    shipped = "/usr/share/crypto-policies/OLD/opensshserver.txt"
    tree = server(
        {
            shipped: "Ciphers aes128-cbc\n",
            BACK_END: symlink(shipped),
            "/etc/crypto-policies/config": "OLD\n",
            "/etc/ssh/sshd_config.d/50-redhat.conf": f"Include {BACK_END}\n",
        }
    )
    plan = mended(tree, ALICE)
    assert changed_paths(plan) == ["/etc/ssh/sshd_config.d/00-algorithms.conf"]


def test_host_keys_that_are_too_short_are_no_host_keys() -> None:
    keys: Changes = {"/etc/ssh/ssh_host_ed25519_key": None, "/etc/ssh/ssh_host_rsa_key": file(RSA_HOST_KEY, 0o600)}
    tree = server({**own("RequiredRSASize 4096"), **keys})
    finding = only_finding(tree, "no-common-algorithm", ALICE)
    assert "no host key" in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]
    assert causes(server({**own("RequiredRSASize 2048"), **keys}), Client(user="root")) == []


@pytest.mark.parametrize(
    "word", ["PuTTY", "SSH-2.0-PuTTY_Release_0.78", "openssh-8.4", "OpenSSH_8.4p1", "dbclient", "plink 0.80"]
)
def test_how_a_person_may_name_it(word: str) -> None:
    assert named(word).spelt.startswith(("putty-0.", "openssh-8.4", "dropbear-"))


@pytest.mark.parametrize("word", ["", "telnet", "openssh-6.6", "putty-0.60", "-", "1.2"])
def test_what_nobody_knows(word: str) -> None:
    with pytest.raises(ValueError, match="known"):
        named(word)


def test_each_is_named() -> None:
    assert names() == ("openssh", "putty", "winscp", "libssh", "libssh2", "paramiko", "dropbear", "jsch")
