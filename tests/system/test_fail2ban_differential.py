"""Our reading of fail2ban held against fail2ban itself: which jails are on, what they do, and whom they ban again."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rescue.bans.fail2ban import bans, fail2ban, port_in
from rescue.bans.fail2ban_config import ConfigError
from rescue.model import Symptom
from rescue.tree import Tree
from tests.machines.built import debian_package
from tests.unit.bans.fail2ban_files import DATABASE, NOW, Row, database

pytestmark = pytest.mark.system

ORACLE = Path(__file__).with_name("fail2ban_oracle.py")
JAILS = ("sshd", "recidive", "dropbear", "own")
WORDS = {
    "bantime": ("10m", "-1", "1h 30m", "2w", "1d12h", "300", "90"),
    "bantime.increment": ("true", "false", "1", "no"),
    "bantime.maxtime": ("1h", "5w", "-1"),
    "ignoreip": ("127.0.0.1/8 ::1", "192.0.2.1", "192.0.2.0/24,2001:db8::/32", ""),
    "enabled": ("true", "false", "yes", "1"),
    "port": ("ssh", "0:65535", "22,2222", "%(known/port)s,99", "http"),
}
ADDRESSES = ("192.0.2.1", "192.0.2.200", "198.51.100.7", "2001:db8::1", "2001:db9::1", "203.0.113.0/24")


@pytest.fixture(scope="session")
def package() -> Path:
    """The package fail2ban, unpacked. Downloaded once."""
    return debian_package("fail2ban", "usr/bin/fail2ban-server")


class Cases:
    """Configurations below a folder, each the package's own with some files more."""

    def __init__(self, package: Path, folder: Path) -> None:
        self.package = package
        self.folder = folder
        self.trees: dict[str, Tree] = {}

    def add(self, name: str, files: dict[str, str], held: bytes | None = None) -> None:
        etc = self.folder / name / "etc"
        shutil.copytree(self.package / "etc/fail2ban", etc)
        for path, text in files.items():
            (etc / path).write_text(text)
        if held is not None:
            (self.folder / name / "db").write_bytes(held)
        entries: dict[str, Any] = {
            f"/etc/fail2ban/{path.relative_to(etc)}": path.read_bytes() for path in etc.rglob("*") if path.is_file()
        }
        self.trees[name] = Tree.of({**entries, **({DATABASE: held} if held else {})})

    def asked(self) -> dict[str, Any]:
        """What fail2ban says of each."""
        path = self.package / "usr/lib/python3/dist-packages"
        environment = dict(os.environ, PYTHONPATH=str(path), NOW=str(NOW.timestamp()), PYTHONDONTWRITEBYTECODE="1")
        words = ["/usr/bin/python3", "-W", "ignore", str(ORACLE), str(self.folder)]
        run = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
        answers: dict[str, Any] = json.loads(run.stdout[run.stdout.index("{") :])
        return answers


def filled(options: dict[str, str], text: str) -> str:
    """What is left to fill in when a ban is made: the tags that differ between IPv4 and IPv6."""
    for _ in range(20):
        text = re.sub(r"<([\w-]+)>", lambda found: str(options.get(found[1], found[0])), text)
    return text


def test_each_action_of_fail2bans_own_does_what_we_say(package: Path, tmp_path: Path) -> None:
    cases = Cases(package, tmp_path)
    names = sorted(path.stem for path in (package / "etc/fail2ban/action.d").glob("*.conf"))
    for name in names:
        jail = f"[sshd]\nenabled = true\nbackend = systemd\nport = 4711\nbanaction = {name}\n"
        cases.add(name, {"jail.local": jail})
    seen = 0
    for name, answer in cases.asked().items():
        this = fail2ban(cases.trees[name])
        options = answer.get("jails", {}).get("sshd", {}).get("actions", {}).get(name, {})
        if "actionban" not in options:
            assert this.problem or not this.jails[0].keepings, name
            continue
        ban, start = (filled(options, options.get(each) or "") for each in ("actionban", "actionstart"))
        filters = re.search(r"\b(iptables|ip6tables|nft|ufw|shorewall|firewall-cmd|apf|pfctl|ipset) |ip route", ban)
        writes = "hosts.deny" in ban
        assert bool(this.jails[0].keepings) == bool(filters or writes), (name, ban)
        for keeping in this.jails[0].keepings:
            seen += 1
            assert (keeping.ports is not None) == ("4711" in ban + start), (name, keeping, ban, start)
            answers = re.search(r"\b(REJECT|reject)\b", ban + start) is not None
            expected = Symptom.CLOSED if writes else Symptom.REFUSED if answers else Symptom.TIMED_OUT
            assert keeping.symptom is expected, (name, ban, start)
    assert seen >= 15


def random_jails(chance: random.Random) -> str:
    lines = []
    for section in chance.sample((*JAILS, "DEFAULT"), 3):
        lines.append(f"[{section}]")
        for name, words in WORDS.items():
            # All of the package's jails at once would take long, and say nothing more.
            if chance.random() < 0.4 and (section, name) != ("DEFAULT", "enabled"):
                lines.append(f"{name} = {chance.choice(words)}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(2))
def test_the_same_jails_are_on_and_ban_the_same_again(package: Path, tmp_path: Path, seed: int) -> None:
    cases = Cases(package, tmp_path)
    chance = random.Random(seed)
    for at in range(20):
        own = "[own]\nenabled = true\nfilter = sshd\nlogpath = /dev/null\nbantime = 1d\n[dropbear]\nlogpath=/dev/null\n"
        files = {
            "jail.d/0.conf": own,
            "jail.local": random_jails(chance),
            "jail.d/a.conf": random_jails(chance),
            "jail.d/b.local": random_jails(chance),
        }
        rows: dict[tuple[str, str], Row] = {}
        for _ in range(12):
            name, address = chance.choice(JAILS), chance.choice(ADDRESSES)
            length = chance.choice((-1, -2, 60, 600, 7200, 86400, 10**7))
            rows[name, address] = (name, address, chance.choice((1, 9, 11, 100, 3000)), length)
        cases.add(f"{at}", files, database(*rows.values()))
    compared = 0
    for name, answer in cases.asked().items():
        tree = cases.trees[name]
        if "error" in answer:
            # fail2ban does not start: we say so, or doubt it
            with suppress(ConfigError):
                assert fail2ban(tree).problem or not fail2ban(tree).jails, (seed, name, answer)
            continue
        this = fail2ban(tree)
        assert sorted(jail.name for jail in this.jails) == sorted(answer["jails"]), (seed, name)
        for port in (22, 2222):
            for jail in this.jails:
                (keeping,) = jail.keepings
                command = next(iter(answer["jails"][jail.name]["actions"].values()))["actionstart"]
                found = re.search(r"--dports (\S+)", command)
                ports = found[1] if found else "0:65535"
                on = any(jail.on_port(port, {"ssh": 22, "http": 80, "https": 443}))
                assert on == port_in(ports, port, {"ssh": 22, "http": 80, "https": 443}), (seed, name, keeping)
                mine = sorted(ban.written for ban in bans(tree, this, port, NOW) if ban.by == f"the jail {jail.name}")
                assert mine == (answer["bans"][jail.name] if on else []), (seed, name, jail)
                compared += len(mine)
    assert compared > 50
