"""Whether the machine boots far enough to start sshd.

Decides: firmware, boot loader, kernel, initramfs, and every systemd unit before sshd. A machine that stops on the way
answers nothing: "Connection timed out" or "No route to host".

Not judged: always, except for what the checks of this step find (`rescue explain` lists them): a disk shows only part
of a boot. They judge the boot loader's default entry with its kernel, initramfs and command line, if there is a
grub.cfg or Boot Loader Specification entries; its modules; init; the lines in /etc/fstab and /etc/crypttab; and
packages that dpkg left half installed.

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
    what = "whether the machine boots completely"
    if menu is not None and menu.chosen is not None:
        # The boot loader's default entry was judged (boot-kernel).
        what = "whether firmware, initramfs and everything before sshd start"
    yield Gap("boot-unseen", STEP, what, "watch the provider's console")
