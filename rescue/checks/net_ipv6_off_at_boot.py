"""The kernel starts without IPv6, and you connect from an IPv6 address.

Symptom: "No route to host" or "Connection timed out" over IPv6. The server may still answer to its IPv4 address.

Cause: a hardening guide put ipv6.disable=1 on the kernel's command line (GRUB_CMDLINE_LINUX in /etc/default/grub, and
from there grub.cfg). The kernel then has no IPv6 at all. ipv6.disable_ipv6=1 leaves it in, and disables it on every
interface; the program that configures the network may enable it again, so the finding is doubtful, and rescue reports
nothing if a file in sysctl.d enables it.

rescue reports it only if it knows that you connect from IPv6 (--from ADDRESS). It reads the default entry of the boot
menu; words from variables of the boot loader ($kernelopts) are not read.

Repair: remove the word from the default entry, and from /etc/default/grub, where update-grub would take it again. This
needs your consent, because somebody may have meant it.

See: kernel-parameters.txt and ipv6.rst of the kernel (ipv6.disable).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.boot.command_line import READS as COMMAND_LINE_READS
from rescue.boot.command_line import values, without_words
from rescue.boot.loader import READS as LOADER_READS
from rescue.boot.loader import read_menu
from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network.sysctl import READS as SYSCTL_READS
from rescue.network.sysctl import number, sysctl_lines

STEP = Step.NETWORK
READS = (*LOADER_READS, *COMMAND_LINE_READS, *SYSCTL_READS)

WHOLE, INTERFACES = "ipv6.disable", "ipv6.disable_ipv6"
AGAIN = "the program that configures the network may enable IPv6 again on its interface"
WEAKENS = "the server gets its IPv6 addresses again: everything that listens on them is open unless a firewall says no"


def find(facts: Facts) -> Iterator[Finding]:
    sources = facts.client.sources
    if not sources or any(each.version != 6 for each in sources):
        return
    menu = read_menu(facts.tree)
    if menu is None or menu.chosen is None or menu.chosen.kernel_at is None:
        return
    facts.tree.require(*READS)
    options = menu.chosen.options
    words = [word for name in (WHOLE, INTERFACES) if _on(facts, options, name) for word, _ in values(options, name)]
    if not words:
        return
    place = menu.chosen.kernel_at
    said = " ".join(dict.fromkeys(words))
    reason = "" if _on(facts, options, WHOLE) else AGAIN
    yield Finding(
        check="net-ipv6-off-at-boot",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"The default boot entry starts the kernel with {said}: IPv6 is off, and you connect from IPv6.",
        symptom=Symptom.UNREACHABLE,
        locations=tuple(each for each in (place, menu.chosen_by) if each is not None),
        repairs=(
            Repair(
                f"remove {said} from the default boot entry",
                Safety.UNSAFE,
                partial(without_words, place=place, words=tuple(dict.fromkeys(words))),
                weakens=WEAKENS,
            ),
        ),
        subject=menu.chosen.title or menu.chosen.id,
        reason=reason,
    )


def _on(facts: Facts, options: str, name: str) -> bool:
    """Whether the parameter is 1 in the end: the last word counts."""
    said = values(options, name)
    if not said or said[-1][1] not in ("1", "0x1", "01"):
        return False
    if name == WHOLE:
        return True
    lines = sysctl_lines(facts.tree, facts.units)
    enabled = [key for key, place in lines.items() if key.startswith("net.ipv6.conf.") and number(place) == 0]
    return not any(key.endswith(".disable_ipv6") for key in enabled)
