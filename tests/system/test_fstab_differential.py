"""fstab against those who read it: systemd-fstab-generator, which mounts it at boot, and findmnt of util-linux."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from rescue.boot.fstab import read_fstab

GENERATOR = next(
    (
        path
        for place in ("/usr/lib/systemd", "/lib/systemd")
        if (path := Path(place) / "system-generators/systemd-fstab-generator").exists()
    ),
    None,
)

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(GENERATOR is None, reason="needs systemd-fstab-generator"),
]

LINES = (
    "LABEL=home /home ext4",
    "UUID=aa /two",
    "LABEL=x /cr ext4\r",
    "  LABEL=x\t/lead ext4 defaults,noatime 0 2",
    "LABEL=x /a\\040b ext4",
    "LABEL=a\u00a0b /nbsp ext4",
    "LABEL=x /vt\vtab ext4",
    "LABEL=x //double//slash/ ext4",
    "LABEL=x /o\\777 ext4",
    "LABEL=x /h ext4 #c",
    "LABEL=x /o\\303\\244\\101 ext4",
    "LABEL=x /z\\000b ext4",
    "LABEL=x /tab\\011\\134\\043 ext4",
)
"""Ways of writing a line, on which the readers that there were did not agree."""

NONE = ("", "LABEL=one", "# LABEL=x /c ext4", "  #LABEL=x /c ext4", "LABEL=x none ext4", "LABEL=x rel ext4", "#")
MADE = 60


def generated(tmp_path: Path, text: str) -> set[str]:
    """Where systemd would mount something."""
    fstab = tmp_path / "fstab"
    fstab.write_bytes(text.encode("utf-8", "surrogateescape"))
    places = [tmp_path / name for name in ("normal", "early", "late")]
    for place in places:
        subprocess.run(["rm", "-rf", str(place)], check=True)
        place.mkdir()
    subprocess.run(
        [str(GENERATOR), *map(str, places)],
        env={"PATH": os.environ["PATH"], "SYSTEMD_FSTAB": str(fstab), "SYSTEMD_PROC_CMDLINE": "quiet"},
        capture_output=True,
        check=False,  # it ends with 1 where a line is wrong, and has made the units of the others
    )
    found = set()
    for unit in places[0].glob("*.mount"):
        said = unit.read_text(encoding="utf-8", errors="surrogateescape")
        found |= {line.removeprefix("Where=") for line in said.split("\n") if line.startswith("Where=")}
    return found


def required_by_systemd(tmp_path: Path, text: str) -> set[str]:
    """The mounts without which systemd stops the boot: those that local-fs.target requires."""
    generated(tmp_path, text)
    links = (tmp_path / "normal/local-fs.target.requires").glob("*.mount")
    said = [link.resolve().read_text(encoding="utf-8", errors="surrogateescape") for link in links]
    return {line.removeprefix("Where=") for each in said for line in each.split("\n") if line.startswith("Where=")}


def read(text: str) -> set[str]:
    return {line.point for line in read_fstab(text) if line.mounts and line.point != "/"}


@pytest.mark.parametrize("line", [*LINES, *NONE])
def test_a_line_is_a_mount_where_it_is_one_to_systemd(tmp_path: Path, line: str) -> None:
    text = f"# a comment\n{line}\n"
    assert read(text) == generated(tmp_path, text)


OTHERWISE = ("\\777", "\\303", "\\000", "\\043", "\r", "\v", "UUID=aa /two")
"""What libmount reads in another way, or not at all: systemd mounts at boot, so its way counts."""


@pytest.mark.parametrize("line", [line for line in LINES if not any(each in line for each in OTHERWISE)])
def test_findmnt_shows_the_same_lines(tmp_path: Path, line: str) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(f"{line}\n", encoding="utf-8")
    told = subprocess.run(
        ["findmnt", "--fstab", "--tab-file", str(fstab), "--evaluate", "-rno", "TARGET"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    (mine,) = read_fstab(line)
    assert "/" + told.replace("\\x20", " ").strip("/").replace("//", "/") == mine.point


def test_files_put_together_by_chance_are_read_alike(tmp_path: Path) -> None:
    chosen = random.Random(12)
    for _ in range(MADE):
        lines = [chosen.choice((*LINES, *NONE)).replace("LABEL=x /", f"LABEL=x /{at}") for at in range(8)]
        marks = ["\n", "\n\n", "\n# between\n", " \n", "\t\n"]
        text = "".join(line + chosen.choice(marks) for line in lines)
        assert read(text) == generated(tmp_path, text), text


SOURCES = ("LABEL=x", "UUID=1-2", "/dev/vdb1", "/dev/mapper/a-b", "host:/x", "//host/x", "tmpfs", "/srv/img", "none")
TYPES = (
    "ext4", "xfs", "vfat", "auto", "nfs", "nfs4", "cifs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs",
    "sshfs", "9p", "virtiofs", "ocfs2", "coda", "orangefs", "pvfs2", "afs", "lustre", "smb3", "gfs2", "davfs",
    "tmpfs", "none", "overlay", "ignore", "ex4",
)  # fmt: skip
OPTIONS = (
    "defaults", "nofail", "noauto", "auto", "fail", "_netdev", "x-systemd.automount", "ro", "bind", "no-fail",
    "nofail=1", "x-systemd.device-timeout=5", "x-systemd.required-by=a.service",
    "x-systemd.required-by=local-fs.target", "x-systemd.wanted-by=b.service", "NOFAIL", "", "comment=nofail",
    "x-initrd.mount", "loop", "user", "noatime",
)  # fmt: skip
REQUIRED_MADE = 300


@pytest.mark.parametrize("seed", range(10))
def test_the_boot_needs_the_lines_that_systemd_needs(tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    for _ in range(REQUIRED_MADE // 10):
        lines = []
        for at in range(12):
            options = ",".join(chosen.sample(OPTIONS, chosen.randint(1, 4))).strip(",") or "defaults"
            lines.append(f"{chosen.choice(SOURCES)} /p{at} {chosen.choice(TYPES)} {options} 0 0")
        text = "\n".join([*lines, ""])
        mine = {line.point for line in read_fstab(text) if line.required}
        theirs = required_by_systemd(tmp_path, text)
        wrong = [each for each in lines if each.split()[1] in mine ^ theirs]
        assert not wrong, wrong
