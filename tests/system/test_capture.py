"""A bundle of a real server: the same verdict as on its disk, every verb, and not one secret in it."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest

from rescue.keys.emptied_keys import emptied_key
from rescue.keys.host_keys import KeyFormatError, private_key_type
from rescue.keys.wire import Reader
from rescue.model import Client
from rescue.redaction.files import without_secrets
from rescue.survey import survey
from rescue.targets.bundle.file import Bundle, write_bundle
from rescue.targets.bundle.target import BundleTarget
from rescue.targets.files.directory import DirectoryTarget
from rescue.ui import document
from rescue.undo_log import InTarget, read_records
from rescue.verbs.capture import gathered
from tests.conftest import LoadImage
from tests.machines.broken import BrokenRoot, layered
from tests.system.test_hostkeys_differential import DAMAGES, KINDS
from tests.system.test_verbs import Console
from tests.system.test_verbs import broken as broken_console
from tests.system.test_verbs import console as console

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="owners need root")]

HASH = "$y$j9T$Q0hXgfLyGq1cIu3Oa5Wd1.$3nqXc2XSHm0b7wT5oCkJcQm3yS7Yd1m2o0dCwK3vF4B"


def _locked(root: BrokenRoot) -> None:
    root.replace("etc/shadow", "alice:", "alice:!")
    root.write("etc/ssh/sshd_config", root.text("etc/ssh/sshd_config").replace("UsePAM yes", "UsePAM no"))


def _host_keys(root: BrokenRoot) -> None:
    for path in (root.path / "etc/ssh").glob("ssh_host_*_key"):
        path.write_bytes(path.read_bytes()[:120])


def _exposed(root: BrokenRoot) -> None:
    for path in (root.path / "etc/ssh").glob("ssh_host_*_key"):
        path.chmod(0o644)


def _pasted(root: BrokenRoot) -> None:
    private = next((root.path / "etc/ssh").glob("ssh_host_*_key")).read_text()
    root.write("home/alice/.ssh/authorized_keys", private)


def _ports(root: BrokenRoot) -> None:
    root.write("etc/ssh/sshd_config", "Port 2222\nPasswordAuthentication=no\n" + root.text("etc/ssh/sshd_config"))


BREAKS: dict[str, Callable[[BrokenRoot], None]] = {
    "nothing": lambda root: None,
    "locked": _locked,
    "no host key": _host_keys,
    "exposed host keys": _exposed,
    "a private key pasted": _pasted,
    "another port": _ports,
    "sshd config": lambda root: root.write("etc/ssh/sshd_config", "PermitRootLogn no\nPassword: secret\n"),
    "open home": lambda root: (root.path / "home/alice").chmod(0o777),
    "nologin": lambda root: root.write("etc/nologin", "closed\n"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_bundle_is_judged_as_the_disk_is_and_holds_no_secret(what: str, lab_image: LoadImage, tmp_path: Path) -> None:
    image = lab_image("debian12")
    with layered(image.root) as server:
        server.write("etc/shadow", re.sub(r"(?m)^alice:[^:]*", f"alice:{HASH}", server.text("etc/shadow")))
        keys = [path.read_bytes() for path in (server.path / "etc/ssh").glob("ssh_host_*_key")]
        BREAKS[what](server)
        target = DirectoryTarget(str(server.path))
        try:
            tree, clients = gathered(target, Client(user="alice"))
            assert {client.user for client in clients} >= {"alice", "root"}
            on_disk = [survey(target, client)[1] for client in clients]
            records = read_records(InTarget(target))
        finally:
            target.close()
    path = tmp_path / "server.bundle"
    with path.open("wb") as stream:
        write_bundle(stream, Bundle(without_secrets(tree), "server", "directory", "now"))
    saved = BundleTarget(path)
    for client, expected in zip(clients, on_disk, strict=True):
        _, found = survey(saved, client)
        assert document.inspection(found, "", "") == document.inspection(expected, "", "")
    assert what in ("nothing", "a private key pasted") or on_disk[0].findings
    assert read_records(InTarget(saved)) == records
    content = gzip.decompress(path.read_bytes())
    assert HASH[10:].encode() not in content
    assert b"alice:" + (b"!" if what == "locked" else b"") + b"$y$left-out:" in content
    for key in keys:
        # The public half comes first.
        lines = key.split(b"\n")
        assert not [line for line in lines[len(lines) // 2 + 1 : -2] if len(line) > 20 and line in content]


def test_a_bundle_can_be_asked_for_somebody_whose_shell_only_says_no(console: Console, tmp_path: Path) -> None:
    passwd = console.server / "etc/passwd"
    passwd.write_text(passwd.read_text().replace(":/home/alice:/bin/bash", ":/home/alice:/usr/sbin/nologin"))
    bundle = tmp_path / "server.bundle"
    assert console.script("capture", console.server, "-o", bundle).returncode == 0
    asked = [console.document("inspect", where, "--user", "alice") for where in (console.server, bundle)]
    assert [each["cause"] for each in asked[0]["findings"]] == ["shell-nologin"]
    assert asked[0]["findings"] == asked[1]["findings"]


@pytest.mark.skipif(which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_an_emptied_key_is_judged_as_the_key_was_and_keeps_no_part_of_its_secret(tmp_path: Path) -> None:
    def said(data: bytes) -> str:
        try:
            return private_key_type(data)
        except KeyFormatError as problem:
            return str(problem)

    for number, (kind, options) in enumerate(KINDS):
        for secret in ("", "a passphrase"):
            path = tmp_path / f"{number}{bool(secret)}"
            subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", secret, "-f", str(path)], check=True)
            data = path.read_bytes()
            hidden = _secrets(data)
            assert hidden
            assert all(_shows(data, each) for each in hidden)
            for name, damage in DAMAGES.items():
                for at in (7, 150, 333):
                    broken = damage(data, at)
                    emptied = emptied_key(broken)
                    assert said(emptied) == said(broken), (kind, options, secret, name, at)
                    assert not [each for each in hidden if _shows(emptied, each)], (kind, options, secret, name, at)


def _secrets(data: bytes) -> list[bytes]:
    """Pieces of what is secret in an undamaged key file: of numbers, or of what a passphrase protects."""
    text = b"".join(line for line in data.split(b"\n") if line and b":" not in line and b"-----" not in line)
    blob = b64decode(text)
    if not blob.startswith(b"openssh-key-v1\0"):
        # The numbers of an RSA key follow the public ones, which take less than a third; of the others, nearly all.
        return [blob[-100:-80] if len(blob) > 300 else blob[40:56], blob[len(blob) // 2 : len(blob) // 2 + 16]]
    reader = Reader(blob[15:])
    cipher = reader.name()
    reader.string(), reader.string(), reader.uint32(), reader.string()
    secret = reader.string()
    if cipher != "none":
        return [secret[at : at + 16] for at in range(0, len(secret), 40)]
    fields = Reader(secret[8:])
    kind = fields.name()
    count = {"ssh-ed25519": 2, "ssh-rsa": 6}.get(kind, 3)
    numbers = [fields.string() for _ in range(count)]
    private = {"ssh-ed25519": [numbers[1][:32]], "ssh-rsa": numbers[2:]}.get(kind, numbers[2:])
    return [each[at : at + 12] for each in private for at in range(1, len(each) - 12, 9)]


def _shows(data: bytes, piece: bytes) -> bool:
    """Whether `piece` is in what the file says in base64, wherever that may begin."""
    letters = re.sub(rb"-----[^-]*-----|(?m:^[A-Za-z-]+:.*$)|[^A-Za-z0-9+/]", b"", data)
    shifted = [letters[at : len(letters) - (len(letters) - at) % 4] for at in range(4)]
    return any(piece in b64decode(each) for each in shifted)


def test_every_verb_that_looks_takes_a_bundle_and_those_that_write_refuse(console: Console, tmp_path: Path) -> None:
    broken_console(console)
    bundle = tmp_path / "web1.bundle"
    took = console.document("capture", console.server, "-o", bundle, "--user", "alice")
    assert took["bundle"] == str(bundle)
    assert bundle.stat().st_mode & 0o777 == 0o600
    words = ("--user", "alice")
    on_disk = console.document("inspect", console.server, *words)
    in_bundle = console.document("inspect", bundle, *words)
    for same in ("findings", "path", "verdict", "symptom", "release", "client"):
        assert in_bundle[same] == on_disk[same]
    assert in_bundle["target"]["method"] == "support bundle"
    screen = console.script("inspect", bundle, *words).stdout
    assert f" fix {bundle} --user alice --dry-run\n" in screen
    assert str(console.server) in in_bundle["target"]["notes"][0]
    firewalls = [console.document("firewall", each) for each in (bundle, console.server)]
    assert {**firewalls[0], "target": None} == {**firewalls[1], "target": None}
    assert console.document("space", bundle)["directories"] == console.document("space", console.server)["directories"]
    assert console.document("history", bundle) == {"schema": 2, "fixes": []}
    planned, real = (console.document("fix", each, "--dry-run", *words) for each in (bundle, console.server))
    assert planned["changes"] == real["changes"]
    before = bundle.read_bytes()
    status, screen = console.typed("fix", str(bundle), *words)
    assert (status, "it can't be repaired" in screen, "1-" in screen) == (4, True, False)
    for refused in (("fix", bundle, "--yes", *words), ("undo", bundle, "--yes")):
        done = console.script(*refused)
        assert done.returncode == 4
        assert "is a support bundle" in done.stderr
        assert "--dry-run" in done.stderr
    assert bundle.read_bytes() == before


def test_a_bundle_is_never_written_over_something(console: Console, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    for words in ((console.server, "-o", there), (console.server, "-o", tmp_path / "no" / "dir")):
        done = console.script("capture", *words)
        assert done.returncode == 2, done.stderr
    assert there.read_text() == "mine"
    made = tmp_path / "a.bundle"
    assert console.script("capture", console.server, "-o", made, "--quick").returncode == 0
    assert console.script("capture", made, "-o", tmp_path / "b").returncode == 2
    told = console.script("space", made)
    assert told.returncode == 4
    assert "without --quick" in told.stderr
    assert sorted(each.name for each in tmp_path.iterdir() if "part" in each.name) == []


def test_a_bundle_tells_what_fills_every_file_system_of_the_server(
    console: Console, lab_image: LoadImage, tmp_path: Path
) -> None:
    disk, made = lab_image("debian12-lvm").disk, tmp_path / "a.bundle"
    assert console.script("capture", disk, "--backend", "kernel", "-o", made).returncode == 0
    on_disk, in_bundle = console.document("space", disk, "--backend", "kernel"), console.document("space", made)
    for told in (on_disk, in_bundle):
        assert [each["filesystem"]["mount"] for each in told["filesystems"]] == ["/", "/var"]
    for mine, theirs in zip(in_bundle["filesystems"], on_disk["filesystems"], strict=True):
        # Every look mounts it anew, and a file system counts its own blocks a little differently each time.
        assert mine["directories"] == theirs["directories"]
        assert mine["files"] == theirs["files"]
    screen = console.script("space", made).stdout
    assert screen.startswith(f"{made}\n/: ")
    assert "\n/var: " in screen
