"""Whether a script of nftables loads: the reader's word held against nft, on named scripts and on broken ones."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.fuzz_nft_loads import Beside, bases, differences
from tests.fuzz_nft_statements import Statements
from tests.system.firewall_rules import NEEDED
from tests.system.netlab import lab
from tests.unit.firewall.nft_scripts import all_refused, all_taken

pytestmark = NEEDED

STATEMENTS, SEED = 120, 34
SAMPLE = int(os.environ.get("RESCUE_BROKEN", "40"))


@pytest.fixture(scope="module")
def beside() -> Iterator[Beside]:
    with lab(ports=()) as made:
        yield Beside(made)


@pytest.mark.parametrize("text", all_taken())
def test_nft_loads_it(beside: Beside, text: str) -> None:
    assert beside.nft(text).returncode == 0
    assert not beside.differs(text)


@pytest.mark.parametrize("text", all_refused())
def test_nft_refuses_it(beside: Beside, text: str) -> None:
    assert beside.nft(text).returncode != 0
    assert not beside.differs(text)


def test_broken_scripts_are_refused_where_nft_refuses_them(beside: Beside) -> None:
    seed = 0 if os.environ.get("CI") else secrets.randbelow(1 << 32)
    found = differences(beside, bases(), SAMPLE, seed)
    assert not found, f"seed {seed}: " + "\n".join(found)
    assert beside.count["load"]
    assert beside.count["are refused"]


def test_each_statement_is_judged_as_nft_and_the_kernel_judge_it() -> None:
    """A small sample, always the same one: scripts/fuzz-firewall nftables-statements draws others."""
    statements = Statements()
    try:
        found = statements.differences(STATEMENTS, SEED)
    finally:
        statements.close()
    assert not found, "\n".join(found)
    assert statements.count["load"]
    assert statements.count["are refused"]
    assert statements.count["verdicts"]
