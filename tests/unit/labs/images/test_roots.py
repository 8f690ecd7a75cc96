"""A server's files tell nothing of the machine that made them."""

from pathlib import Path

import pytest

from rescue.labs.images.roots import foreign_traces

pytestmark = pytest.mark.unit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What apt leaves on a server, and nothing else."""
    for directory in ("etc/apt/apt.conf.d", "var/cache/apt/archives", "var/lib/apt/lists/partial", "tmp"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "etc/apt/apt.conf.d/01autoremove").write_text('APT::NeverAutoRemove { "^firmware-linux.*"; };\n')
    (tmp_path / "etc/resolv.conf").write_text("")
    return tmp_path


def test_a_clean_root_has_none(root: Path) -> None:
    assert list(foreign_traces(root)) == []


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("etc/apt/apt.conf.d/proxy", 'Acquire::http::Proxy "http://192.0.2.1:3128";\n'),
        ("etc/apt/apt.conf.d/90local", 'acquire::https::PROXY "http://192.0.2.1:3128";\n'),
        ("etc/apt/apt.conf", "\n"),
        ("etc/apt/auth.conf.d/mirror.conf", "machine mirror.example login me password secret\n"),
        ("etc/resolv.conf", "nameserver 192.0.2.53\n"),
        ("var/cache/apt/archives/ufw_0.36_all.deb", "!<arch>\n"),
        ("var/lib/apt/lists/mirror.example_dists_bookworm_InRelease", "Origin: Debian\n"),
        ("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n"),
        ("tmp/apt.conf.abc", ""),
    ],
)
def test_each_trace_is_named(root: Path, path: str, content: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)
    assert list(foreign_traces(root)) == [path]
