"""Our reading of firewalld's configuration held against firewalld's own core and the real kernel: made-up
configurations, and people's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rescue.firewall import Firewall, VerdictKind, edit, reach
from rescue.firewall.boot import active_firewalls
from rescue.firewall.firewalld.load import FALLBACK
from rescue.tree import Tree
from tests.conftest import LoadImage
from tests.firewalld import OWN, VERSION, zone
from tests.system.firewall_rules import CORPORA, counted, dialled, net, seen
from tests.system.firewalld_core import Core
from tests.system.firewalld_trees import KEYFILE, MISTAKES, trees, whole
from tests.system.netlab import SERVER, PacketLab
from tests.unit.firewall.files import Started

__all__ = ["counted", "net"]

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

FIREWALLD = Started("firewalld.service", "NetworkManager.service")
OTHER_CORE = os.environ.get("RESCUE_FIREWALLD_CORE")
"""Another release's package "firewall" (a folder) to hold ours against."""
TOLD = Path(OTHER_CORE, "config/__init__.py").read_text() if OTHER_CORE else "VERSION = '1"
MADE = trees(pairs="VERSION = '2" in TOLD, sets="VERSION = '0" not in TOLD)

Address = IPv4Address | IPv6Address

SOURCES: tuple[Address, ...] = tuple(
    ip_address(text)
    for text in ("198.51.100.7", "203.0.113.5", "10.0.0.5", "172.16.5.4", "2001:db8:5::5", "2001:4860::8", "fd00::5")
)

SLOW = settings(
    max_examples=int(os.environ.get("RESCUE_EXAMPLES", "30")),
    deadline=None,
    # An example takes a third of a second: it is shown as it was found.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def core(net: PacketLab, lab_image: LoadImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    root = lab_image("debian12-firewalld").root
    made = Core(net, root, tmp_path_factory.mktemp("core"), Path(OTHER_CORE) if OTHER_CORE else None)
    yield made
    made.close()


def firewall(core: Core, files: Mapping[str, str]) -> tuple[Tree, Firewall]:
    tree = Tree.of({**files, VERSION: f"VERSION = '{core.version}'\n"})
    (found,) = active_firewalls(tree, FIREWALLD)
    return tree, found


def held_against_core(core: Core, files: Mapping[str, str]) -> None:
    """Start firewalld's core with the files, dial from every source, compare."""
    _, found = firewall(core, files)
    fell_back = any(problem.lost == FALLBACK for problem in found.problems)
    unclear = any(problem.message.startswith("not read") for problem in found.problems)
    keyfile = files.get(KEYFILE)
    zones = {"eth0": keyfile.partition("zone=")[2].strip()} if keyfile else {}
    with core.running(files, zones) as told:
        if not unclear:
            assert told["state"] == ("FAILED" if fell_back else "RUNNING"), (told, found.problems)
        compare(core.net, found)


def compare(lab: PacketLab, found: Firewall) -> None:
    for source in SOURCES:
        version = source.version
        here = reach([found], 22, version, interface=lab.interface, server=SERVER[version])
        verdict = here.verdict_for(source)
        expected = seen(verdict, version)
        if expected is not None:
            got = dialled(lab, source, 22, expected)
            assert got == expected, (str(source), verdict.kind, [str(each) for each in verdict.decisions])
        sets = {VerdictKind.ACCEPT: here.accepted, VerdictKind.DROP: here.dropped, VerdictKind.REJECT: here.rejected}
        for kind, members in sets.items():
            assert source not in members or verdict.kind is kind, (str(source), kind, verdict)


@SLOW
@given(MADE)
def test_every_verdict_is_that_of_firewalld_and_the_kernel(core: Core, files: dict[str, str]) -> None:
    held_against_core(core, whole(files))


@settings(SLOW, max_examples=len(MISTAKES) if "RESCUE_EXAMPLES" not in os.environ else SLOW.max_examples)
@given(st.sampled_from(MISTAKES), st.booleans())
def test_a_configuration_is_refused_where_firewalld_refuses_it(core: Core, line: str, stands_in_use: bool) -> None:
    """A mistake counts in a zone that is not in use, too; some only where it is."""
    name = "public" if stands_in_use else "shop"
    held_against_core(core, whole({f"{OWN}/zones/{name}.xml": zone(line)}))


@settings(SLOW, max_examples=max(1, SLOW.max_examples // 2))
@given(MADE, st.sampled_from(SOURCES), st.booleans())
def test_what_an_edit_lets_in_gets_in(core: Core, files: dict[str, str], source: Address, everybody: bool) -> None:
    """For one client, or everybody: firewalld takes the edited files, the client gets in, no line is lost."""
    files = whole(files)
    tree, found = firewall(core, files)
    known = reach([found], 22, source.version, interface="eth0").verdict_for(source)
    if known.accepted or known.kind is VerdictKind.DEPENDS:
        return
    try:
        after = edit.allow(tree, found, 22, () if everybody else (source,))
    except ValueError:
        return
    changed = {
        str(change.path): after.text(change.path) or ""
        for change in after.since(tree)
        if change.after and change.after.is_file
    }
    for path, text in changed.items():
        lines = iter(text.split("\n"))
        assert all(line in lines for line in files.get(path, "").split("\n"))
    edited = {**files, **changed}
    _, now = firewall(core, edited)
    assert everybody or reach([now], 22, source.version).verdict_for(source).kind in (
        VerdictKind.ACCEPT,
        VerdictKind.DEPENDS,
    )
    held_against_core(core, edited)


# -- configurations that people have written -------------------------------------------------------------------------


def corpus() -> list[str]:
    table = CORPORA / "firewalld/LOAD.tsv"
    if not table.is_file():
        return []
    return [line.split("\t")[0] for line in table.read_text().split("\n")[1:] if line]


@pytest.mark.parametrize("name", corpus() or [None])
def test_configurations_of_real_servers_are_judged_as_firewalld_judges_them(
    core: Core, lab_image: LoadImage, name: str | None
) -> None:
    if name is None:
        pytest.skip(f"no collection of real configurations at {CORPORA}")
    root = lab_image("debian12-firewalld").root
    files = {f"/{path.relative_to(root)}": path.read_text() for path in (root / "usr/lib/firewalld").rglob("*.xml")}
    own = CORPORA / "firewalld" / name
    files |= {f"{OWN}/{path.relative_to(own)}": path.read_text() for path in own.rglob("*") if path.is_file()}
    held_against_core(core, files)
