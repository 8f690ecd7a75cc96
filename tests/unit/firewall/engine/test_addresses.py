"""Sets of addresses, held against plain sets of integers."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.firewall.engine.addresses import AddressSet, Masked, Region, masked, ordinary, union

pytestmark = pytest.mark.unit

SMALL = 64
SPANS = st.lists(st.tuples(st.integers(0, SMALL - 1), st.integers(0, SMALL - 1)), max_size=30)


def made(spans: list[tuple[int, int]]) -> tuple[AddressSet, set[int]]:
    ordered = [(min(pair), max(pair)) for pair in spans]
    whole = union(4, (AddressSet.between(4, low, high) for low, high in ordered))
    return whole, {value for low, high in ordered for value in range(low, high + 1)}


def members(found: AddressSet) -> set[int]:
    return {value for value in range(SMALL + 1) if value in found}


@given(SPANS, SPANS)
def test_sets_behave_like_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    (first, mine), (second, theirs) = made(one), made(other)
    assert members(first | second) == mine | theirs
    assert members(first & second) == mine & theirs
    assert members(first - second) == mine - theirs
    assert members(~first) == set(range(SMALL + 1)) - mine
    assert (first <= second) == (mine <= theirs)
    assert first.count == len(mine)
    assert ~~first == first


@given(SPANS, SPANS)
def test_boundaries_rise_and_come_in_pairs(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    for found in (made(one)[0] | made(other)[0], made(one)[0] - made(other)[0], made(one)[0] & made(other)[0]):
        assert len(found.bounds) % 2 == 0
        assert list(found.bounds) == sorted(set(found.bounds))


@given(SPANS, st.lists(SPANS, max_size=5))
def test_a_region_is_cut_and_filled_in_place(start: list[tuple[int, int]], steps: list[list[tuple[int, int]]]) -> None:
    whole, left = made(start)
    region = Region(whole)
    for at, step in enumerate(steps):
        cut, gone = made(step)
        assert members(region.common(cut)) == left & gone
        if at % 2:
            region.add(cut)
            left |= gone
        else:
            region.remove(cut)
            left -= gone
        assert members(region.frozen()) == left


@given(SPANS)
def test_networks_are_the_fewest(spans: list[tuple[int, int]]) -> None:
    whole, mine = made(spans)
    fewest = list(collapse_addresses(IPv4Network((value, 32)) for value in mine))
    assert [ip_network(text) for text in whole.networks()] == sorted(fewest)


def test_the_whole_world_has_one_network() -> None:
    assert list(AddressSet.everything(4).networks()) == ["0.0.0.0/0"]
    assert list(AddressSet.everything(6).networks()) == ["::/0"]


def test_bits_of_the_host_part_are_masked_off() -> None:
    assert AddressSet.network("10.1.2.3/8") == AddressSet.network("10.0.0.0/8")


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0/33", "10.0.0", "::1/129", "10.0.0.0/-1", "host", "fe80::1%eth0", "1.2.3.4/"]
)
def test_what_is_no_network_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        AddressSet.network(text)


def test_an_address_of_the_other_version_is_not_in_a_set() -> None:
    assert ip_address("::1") not in AddressSet.everything(4)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_mask_with_holes_matches_bit_by_bit(value: int, mask: int, address: int) -> None:
    found = masked(4, value, mask)
    near = (address & ~mask | value & mask) & 0xFFFFFFFF
    assert near in found
    assert (address in found) == (address & mask == value & mask)


def test_a_mask_of_too_many_holes_is_kept_as_a_mask() -> None:
    assert isinstance(masked(4, 5, 0xFF0000FF), Masked)
    assert isinstance(masked(4, 5, 0xFFFF00FF), AddressSet)


def test_people_are_told_networks_or_ranges_and_how_many_are_left_out() -> None:
    assert AddressSet.nothing(4).summary() == "nobody"
    assert AddressSet.everything(6).summary() == "everybody"
    few = AddressSet.network("10.0.0.0/8") | AddressSet.network("192.0.2.7")
    assert few.summary() == "10.0.0.0/8, 192.0.2.7"
    assert AddressSet.between(4, 1, 9).summary() == "0.0.0.1-0.0.0.9"
    many = union(4, (AddressSet.between(4, value, value) for value in range(0, 100, 2)))
    assert many.summary(2) == "0.0.0.0, 0.0.0.2 and 48 more"


def test_ordinary_sources_leave_out_what_the_kernel_refuses() -> None:
    for text in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "ff02::1", "::ffff:1.2.3.4"):
        address = ip_address(text)
        assert address not in ordinary(address.version)
    for text in ("0.1.2.3", "240.0.0.1", "10.0.0.1", "2001:db8::1", "fe80::1"):
        address = ip_address(text)
        assert address in ordinary(address.version)
