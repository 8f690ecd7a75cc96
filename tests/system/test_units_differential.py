"""Which units a boot starts, against systemd itself: the transaction that `systemd --test` computes and dumps.

The generated unit directories are bound over this machine's in a mount namespace of their own; systemd runs as nobody
and starts nothing. `systemctl --root is-enabled` is asked about masks as well.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree, which

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rescue.services.unit_files import UnitFiles
from rescue.services.units import Units
from rescue.tree import Entry, Tree, symlink

SYSTEMD = Path("/lib/systemd/systemd")

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root"),
    pytest.mark.skipif(not SYSTEMD.exists(), reason="needs systemd's program"),
]

NOBODY = "65534"
ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"

SERVICE = "[Unit]\nDescription=a service\n[Service]\nExecStart=/bin/true\nEnvironment=BASE=1\n"
SOCKET = "[Socket]\nListenStream=22\n"
BASE: Mapping[str, str] = {
    "default.target": "-> graphical.target",
    "graphical.target": "[Unit]\nRequires=multi-user.target\nAllowIsolate=yes\n",
    "multi-user.target": "[Unit]\nRequires=basic.target\nAllowIsolate=yes\n",
    "rescue.target": "[Unit]\nRequires=sysinit.target\nAllowIsolate=yes\n",
    "basic.target": "[Unit]\nRequires=sysinit.target\nWants=sockets.target timers.target paths.target\n",
    "sysinit.target": "[Unit]\nDescription=s\n",
    "sockets.target": "[Unit]\nDescription=s\n",
    "timers.target": "[Unit]\nDescription=t\n",
    "paths.target": "[Unit]\nDescription=p\n",
    "ssh.service": SERVICE,
    "ssh.socket": SOCKET,
    "lab-one.service": SERVICE,
    "lab@.service": SERVICE,
}
ASKED = ("ssh.service", "sshd.service", "ssh.socket", "lab-one.service", "lab@1.service", "other.target")

aims = st.sampled_from(
    ["/dev/null", "../../../dev/null", f"{LIB}/ssh.service", "/lib/systemd/system/ssh.service", "ssh.service",
     f"{LIB}/lab-one.service", "/nowhere/at.all", "/opt/linked.service", "../../../opt/linked.service", "sshd.service",
     f"{LIB}/ssh.socket", f"{ETC}/sshd.service"]
)  # fmt: skip
bodies = st.sampled_from(
    ["", SERVICE, "[Unit]\nWants=lab-one.service\n[Service]\nExecStart=/bin/true\n",
     "[Service]\nExecStart=/bin/true\nEnvironment=OWN=1 \\\n# a comment\n  OWN=2\n"]
)  # fmt: skip
units = st.tuples(
    st.tuples(st.sampled_from(["etc", "lib"]), st.sampled_from(["ssh.service", "sshd.service", "lab-one.service"])),
    st.one_of(aims.map(lambda aim: f"-> {aim}"), bodies),
)
wants = st.tuples(
    st.tuples(
        st.sampled_from(["etc", "lib"]),
        st.builds(
            lambda target, kind, name: f"{target}.{kind}/{name}",
            st.sampled_from(
                ["multi-user.target", "graphical.target", "sockets.target", "rescue.target", "other.target",
                 "default.target", "ssh.service", "lab-one.service"]
            ),
            st.sampled_from(["wants", "wants", "requires"]),
            st.sampled_from(ASKED),
        ),
    ),
    st.one_of(aims.map(lambda aim: f"-> {aim}"), st.sampled_from(["", "no link\n"])),
)  # fmt: skip
dropins = st.tuples(
    st.tuples(
        st.sampled_from(["etc", "lib"]),
        st.builds(
            lambda folder, name: f"{folder}.d/{name}.conf",
            st.sampled_from(
                ["ssh.service", "sshd.service", "service", "lab-one.service", "lab-.service", "lab@1.service",
                 "lab@.service", "ssh.socket"]
            ),
            st.sampled_from(["10-a", "20-b", "5-c"]),
        ),
    ),
    st.sampled_from(
        ["", "-> /dev/null", "[Service]\nEnvironment=DROP=1\n", "[Service]\nEnvironment=\nEnvironment=DROP=2\n",
         "[Unit]\nWants=other.target\n", "[Unit]\nRequires=lab@1.service\nWants=\n",
         "[Service]\r\nEnvironment=DROP=3\r\n", "Environment=NOSECTION=1\n[Service]\n;x\nEnvironment = DROP=4\n"]
    ),
)  # fmt: skip
targets = st.tuples(
    st.tuples(st.just("etc"), st.sampled_from(["default.target", "other.target", "graphical.target"])),
    st.sampled_from(
        [f"-> {LIB}/multi-user.target", "-> rescue.target", f"-> {LIB}/graphical.target", "-> /dev/null", "",
         "[Unit]\nWants=ssh.service\n", "-> other.target", "-> /nowhere.target"]
    ),
)  # fmt: skip
farms = st.lists(st.one_of(units, wants, wants, dropins, targets), max_size=7).map(dict)

Farm = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Dumped:
    """What systemd makes of one unit."""

    load: str
    fragment: str
    dropins: tuple[str, ...]
    environment: tuple[str, ...]


def plant(folder: Path, farm: Farm) -> Tree:
    """The farm as files below `folder` and as a tree."""
    rmtree(folder, ignore_errors=True)
    places = {"etc": ETC, "lib": LIB}
    entries: dict[str, Entry | str | bytes] = {ETC + "/.keep": "", "/lib": symlink("usr/lib")}
    entries["/opt/linked.service"] = SERVICE
    for (side, name), text in ({("lib", name): text for name, text in BASE.items()} | farm).items():
        path = folder / side / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_bytes(text.encode())
        entries[f"{places[side]}/{name}"] = symlink(text[3:]) if text.startswith("-> ") else text
    (folder / "etc").mkdir(exist_ok=True)
    (folder / "opt").mkdir()
    (folder / "opt/linked.service").write_text(SERVICE)
    for above in (folder, *folder.parents):
        above.chmod(above.stat().st_mode | 0o011)
    return Tree.of(entries)


def ask_systemd(folder: Path) -> tuple[set[str], dict[str, Dumped]]:
    """The units that the boot would start, and every unit as it was loaded, by each of its names."""
    script = (
        f'mount --bind "$1/etc" {ETC} && mount --bind "$1/lib" {LIB} && mount --bind "$1/opt" /opt && '
        f"exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups env SYSTEMD_LOG_LEVEL=info "
        f"{SYSTEMD} --test --system --log-target=console"
    )
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(folder)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    jobs, units_text = ran.stdout.partition("-> By jobs:")[2], ran.stdout
    started = {line.split()[1] for line in jobs.split("\n") if line.strip().startswith("Action:") and "start" in line}
    found: dict[str, Dumped] = {}
    for block in units_text.split("-> Unit ")[1:]:
        fields = defaultdict(list)
        for line in block.partition("-> By jobs:")[0].split("\n")[1:]:
            key, _, value = line.strip().partition(": ")
            fields[key].append(value)
        name = block.partition(":")[0]
        dumped = Dumped(
            fields["Unit Load State"][0], "".join(fields["Fragment Path"]), tuple(fields["DropIn Path"]),
            tuple(fields["Environment"]),
        )  # fmt: skip
        for each in (name, *fields["Alias"]):
            found[each] = dumped
    assert started or "Failed to load" in ran.stderr + ran.stdout, ran.stderr + ran.stdout
    return started, found


def contradicts_itself(farm: Farm) -> bool:
    """True if one .wants directory links a unit to /dev/null and another asks for it.

    systemd goes through names in the order of a hash map that is seeded anew at each start: here its answer is one of
    two by chance, so there is nothing to compare with.
    """
    links = [(name, text.endswith("/dev/null")) for (_, name), text in farm.items() if ".wants/" in name]
    names = [name.rpartition("/")[2] for name, _ in links]
    masked = {name.rpartition("/")[2] for name, null in links if null}
    return any(names.count(name) > 1 for name in masked)


ASKINGS = 12
"""How often systemd is asked before a difference counts.

Where units are ordered in a cycle (sockets.target wants ssh.service, which waits for basic.target, which waits for
sockets.target) it drops one of the cycle's jobs, and which one depends on the order of a hash map that is seeded anew
at each start. So the same files get several answers, of which ours has to be one; a wrong one of ours is never given.
"""


def compare(folder: Path, farm: Farm) -> None:
    tree = plant(folder, farm)
    for asking in range(ASKINGS):
        try:
            hold_against(tree, *ask_systemd(folder))
        except AssertionError:
            if asking == ASKINGS - 1:
                raise
        else:
            return


def hold_against(tree: Tree, started: set[str], dumped: Mapping[str, Dumped]) -> None:
    """Our answers beside one of systemd's."""
    ours, files = Units(tree), UnitFiles(tree)
    for name in ASKED:
        unit = ours.unit(name)
        runs = bool(unit.wanted_by) and unit.present and not unit.masked
        assert runs == (unit.name in started or name in started), (name, unit, sorted(started))
        theirs = dumped.get(name)
        if theirs is None:
            continue
        assert (theirs.load == "loaded") == unit.present, (name, unit, theirs)
        assert theirs.load != "masked" or unit.masked, (name, unit, theirs)
        if unit.present:
            assert theirs.fragment.replace("/lib/", "/usr/lib/").replace("/usr/usr", "/usr") == str(unit.path)
            said = tuple(path.replace("/lib/", "/usr/lib/").replace("/usr/usr", "/usr") for path in theirs.dropins)
            assert said == tuple(map(str, files.dropins(name))), (name, theirs)
            values = [word for value in unit.values("Service", "Environment") for word in value.text.split()]
            assert sorted(theirs.environment) == sorted({word.partition("=")[0]: word for word in values}.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("units") / "case"


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(farm={})
@example(farm={("etc", "multi-user.target.wants/ssh.service"): f"-> {LIB}/ssh.service"})
@example(farm={("etc", "multi-user.target.wants/ssh.service"): "-> /nowhere/at.all"})
@example(farm={("etc", "multi-user.target.wants/sshd.service"): "-> x", ("etc", "sshd.service"): "-> ssh.service"})
@example(farm={("etc", "multi-user.target.wants/ssh.service"): "-> x", ("etc", "ssh.service"): "-> /dev/null"})
@example(farm={("etc", "multi-user.target.wants/ssh.service"): "-> x", ("etc", "ssh.service"): ""})
@example(farm={("etc", "multi-user.target.wants/ssh.service"): "-> x", ("etc", "ssh.service"): "-> /nowhere/at.all"})
@example(
    farm={
        ("lib", "multi-user.target.wants/ssh.service"): "-> ../ssh.service",
        ("etc", "multi-user.target.wants/ssh.service"): "-> /dev/null",
    }
)
@example(
    farm={
        ("etc", "default.target"): f"-> {LIB}/multi-user.target",
        ("etc", "graphical.target.wants/ssh.service"): "-> x",
    }
)
@example(
    farm={
        ("etc", "lab-.service.d/10-a.conf"): "[Service]\nEnvironment=DROP=1\n",
        ("lib", "lab-one.service.d/10-a.conf"): "[Service]\nEnvironment=DROP=2\n",
        ("etc", "multi-user.target.wants/lab-one.service"): "-> x",
    }
)
@example(
    farm={
        ("etc", "sockets.target.wants/ssh.service"): "-> ../../../dev/null",
        ("etc", "lab-one.service"): "-> /lib/systemd/system/ssh.service",
    }
)
@given(farm=farms.filter(lambda farm: not contradicts_itself(farm)))
def test_what_starts_and_how_it_is_set_is_what_systemd_says(folder: Path, farm: Farm) -> None:
    compare(folder, farm)


@pytest.mark.skipif(which("systemctl") is None, reason="needs systemctl")
@pytest.mark.parametrize("text, word", [
    ("-> /dev/null", "masked"), ("", "masked"), ("-> ../../../dev/null", "masked"), (SERVICE, "static"),
])  # fmt: skip
def test_a_mask_is_one_to_systemctl_too(folder: Path, text: str, word: str) -> None:
    tree = plant(folder, {("etc", "ssh.service"): text})
    root = folder / "root"
    for side, place in (("etc", ETC), ("lib", LIB)):
        (root / place.lstrip("/")).parent.mkdir(parents=True)
        (folder / side).rename(root / place.lstrip("/"))
    said = subprocess.run(
        ["systemctl", f"--root={root}", "is-enabled", "ssh.service"], capture_output=True, text=True, check=False
    )
    assert said.stdout.strip() == word
    assert Units(tree).unit("ssh.service").masked == (word == "masked")
