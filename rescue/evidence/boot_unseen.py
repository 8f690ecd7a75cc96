"""Whether the machine boots as far as the SSH server.

Decides: firmware, boot loader, kernel, initramfs, and every unit of systemd before the SSH server. A machine that stops
on the way answers nothing: "Connection timed out" or "No route to host".

Not judged: always, but for what the checks of this link find (`rescue explain` lists them): a disk shows only part of
a boot.

Supply: the provider's console shows the boot, and where it stops.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.model import Gap, Link

LINK = Link.BOOT
READS: tuple[str, ...] = ()


def find(facts: Facts) -> Iterator[Gap]:
    yield Gap("boot-unseen", LINK, "whether the machine boots to the end", "watch the provider's console")
