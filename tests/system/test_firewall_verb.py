"""``rescue firewall`` as a person types it, on rule files that are broken in every way."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from rescue.tree import Entry, Kind, Tree
from tests.system.test_bad_input import run
from tests.unit.checks.test_nft_drop import HEAD, WEB, with_nft
from tests.unit.firewall.files import RELATED, allow, saved, user, with_saved, with_ufw

pytestmark = pytest.mark.system

SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"


LONG = "1.1.1.1," * 200_000


def planted(tree: Tree, root: Path) -> Path:
    """The tree as real files."""
    for path in sorted(map(str, tree.paths())):
        place, entry = root / path.lstrip("/"), tree.lentry(path)
        assert isinstance(entry, Entry)
        if entry.kind is Kind.LINK:
            place.symlink_to(entry.link)
        elif entry.kind is Kind.DIR:
            place.mkdir(exist_ok=True, parents=True)
        else:
            place.write_bytes(tree.data(path) or b"")
            place.chmod(entry.mode)
    return root


def digest(root: Path) -> str:
    found = sha256()
    for path in sorted(root.rglob("*")):
        found.update(f"{path} {path.lstat().st_mtime_ns}".encode())
        if path.is_file() and not path.is_symlink():
            found.update(path.read_bytes())
    return found.hexdigest()


def iptables(text: str) -> Tree:
    return with_saved(text, None)


BROKEN = [
    ("line ends of Windows", iptables(saved(RELATED, SSH).replace("\n", "\r\n")), "does not load"),
    ("no COMMIT", iptables(saved(RELATED, SSH).replace("COMMIT\n", "")), "no COMMIT"),
    ("no line end", iptables(saved(RELATED, SSH).rstrip("\n")), "gets in"),
    ("a host name", iptables(saved(RELATED, SSH.replace("-p", "-s bastion.example.org -p"))), "can't be resolved"),
    ("an unknown module", iptables(saved(RELATED, SSH.replace("-m tcp", "-m nosuch"))), "does not load"),
    ("binary junk", iptables("*filter\n\x00\xff\x7fELF\n"), "does not load"),
    ("an empty file", iptables(""), "gets in"),
    ("nft: junk", with_nft("\x00\x01{{{{"), "does not load"),
    ("nft: no end", with_nft(HEAD + WEB[:-4]), "does not load"),
    ("nft: line ends of Windows", with_nft((HEAD + WEB).replace("\n", "\r\n")), "does not load"),
    ("a set that nothing loads", iptables(saved(RELATED, SSH.replace("tcp -m tcp", "tcp -m set --match-set no src"))),
     "there is no ipset 'no'"),
    ("nothing but a table's name", iptables("*filter"), "does not load"),
    ("a chain without a table", iptables(":INPUT DROP [0:0]\nCOMMIT\n"), "outside any table"),
    ("a port out of range", iptables(saved(RELATED, SSH.replace("22", "99999"))), "does not load"),
    ("a very long line", iptables(saved(RELATED, f"-A INPUT -s {LONG}2.2.2.2 -j DROP")), "does not load"),
    ("ufw: binary junk", with_ufw(allow(22), **{"ufw__user.rules": "*filter\n\x00\x1b[2J\xff\n"}), "does not load"),
    ("ufw: line ends of Windows", with_ufw(**{"ufw__user.rules": user(4).replace("\n", "\r\n")}), "does not load"),
    ("nft: a comment without its line end", with_nft(HEAD + WEB + "# the end"), "without a newline"),
    ("nft: a chain on one line", with_nft("table ip x { chain c { accept } }\n"), "semicolon"),
    ("nft: a set that is not there", with_nft(HEAD + WEB.replace("{ 80, 443 }", "@nosuch")), "nosuch"),
    ("nft: a ring of files", with_nft('include "/etc/nftables.conf"\n'), "includes nest too deep"),
    ("nft: a folder", with_nft('include "/etc"\n'), "does not load"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "tree", "says"), BROKEN, ids=[each[0] for each in BROKEN])
def test_a_broken_file_is_told_and_nothing_is_written(what: str, tree: Tree, says: str, tmp_path: Path) -> None:
    root = planted(tree, tmp_path)
    before = digest(root)
    done = run("firewall", root)
    assert done.returncode in (0, 3), done.stderr
    assert says in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    assert digest(root) == before


def test_a_hundred_megabytes_are_not_read(tmp_path: Path) -> None:
    root = planted(iptables(saved(RELATED, SSH)), tmp_path)
    with (root / "etc/iptables/rules.v4").open("a") as stream:
        stream.truncate(100 << 20)
    done = run("firewall", root, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 3
    assert "could not be read" in told["firewalls"][0]["problems"][0]["message"]
    assert told["reach"][0]["rows"][0]["verdict"] == "depends"


def test_the_status_says_whether_the_client_gets_in(tmp_path: Path) -> None:
    root = planted(iptables(saved(RELATED, SSH.replace("-p", "-s 198.51.100.0/24 -p"))), tmp_path)
    assert run("firewall", root, "--from", "198.51.100.7").returncode == 0
    assert run("firewall", root, "--from", "203.0.113.5").returncode == 3
    assert run("firewall", root, "--from", "my house").returncode == 2
    assert run("firewall", root / "etc/hostname").returncode == 4
