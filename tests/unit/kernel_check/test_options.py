"""Rules by which iptables would run a program of their choice are told from others."""

import pytest

from rescue.kernel_check.options import runs_programs

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "line",
    [
        "-M /mnt/evil -A INPUT -j DROP",
        "-A INPUT --modprobe=/mnt/evil -j DROP",
        "-A INPUT --modprobe /mnt/evil",
        "-A INPUT --mo /mnt/evil",
        '-A INPUT "--mod"probe=/mnt/evil',
        "-A INPUT -vM/mnt/evil",
        "-A INPUT -j DROP\n-A INPUT -\\M x",
    ],
)
def test_a_program_is_named(line: str) -> None:
    assert runs_programs(line)


@pytest.mark.parametrize(
    "line",
    [
        "-A INPUT -m statistic --mode nth --every 2 -j ACCEPT",
        "-A INPUT -m mark --mark 1 -j MARK --set-mark 2",
        "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment modprobe -j MASQUERADE",
        "-A INPUT --match tcp -j ACCEPT",
    ],
)
def test_others_are_left_alone(line: str) -> None:
    assert not runs_programs(line)
