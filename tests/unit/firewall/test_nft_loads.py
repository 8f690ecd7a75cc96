"""Which scripts nft loads, and which it refuses."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rescue.firewall import Firewall
from rescue.firewall.boot import names_of
from rescue.firewall.names import Names
from rescue.firewall.nft import load_nftables
from rescue.tree import Tree
from tests.unit.firewall.nft_scripts import all_refused, all_taken, within

PATH = PurePosixPath("/etc/nftables.conf")
NAMES = Names(users={"root": 0}, groups={"root": 0})


def loaded(text: str, names: Names = NAMES) -> Firewall:
    found = load_nftables(Tree.of({str(PATH): text}), PATH, names)
    assert found is not None
    return found


@pytest.mark.parametrize("text", all_taken())
def test_what_nft_loads_loads(text: str) -> None:
    assert loaded(text).problems == ()


@pytest.mark.parametrize("text", all_refused())
def test_what_nft_refuses_does_not(text: str) -> None:
    assert loaded(text).problems


def test_users_and_groups_are_those_of_the_server() -> None:
    files = {"/etc/passwd": "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/sh\n", "/etc/group": "root:x:0:\n"}
    names = names_of(Tree.of(files))
    assert not loaded(within("meta skuid web"), names).problems
    assert loaded(within("meta skuid alice"), names).problems
    assert loaded(within("meta skgid web"), names).problems
    assert not loaded(within("meta skuid alice"), names_of(Tree.of({}))).problems
