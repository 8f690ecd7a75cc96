"""Whether the machine boots as far as the SSH server.

Decides: firmware, boot loader, kernel, initramfs, and every unit of systemd before the SSH server. A machine that stops
on the way answers nothing: "Connection timed out" or "No route to host".

Not judged: always, but for what the checks of this link find (`rescue explain` lists them): a disk shows only part of
a boot. Judged are the boot loader's default entry with its kernel and initramfs, where grub.cfg or entries of the Boot
Loader Specification are there; init; and the lines of /etc/fstab.

Supply: the provider's console shows the boot, and where it stops.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.boot.loader import READS as LOADER_READS
from rescue.boot.loader import read_menu
from rescue.facts import Facts
from rescue.model import Gap, Step

STEP = Step.BOOT
READS = LOADER_READS


def find(facts: Facts) -> Iterator[Gap]:
    menu = read_menu(facts.tree)
    what = "whether the machine boots to the end"
    if menu is not None and menu.chosen is not None:
        # The boot loader's default entry was judged (boot-kernel).
        what = "whether firmware, initramfs and all before SSH start"
    yield Gap("boot-unseen", STEP, what, "watch the provider's console")
