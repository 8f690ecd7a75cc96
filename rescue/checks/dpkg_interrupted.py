"""dpkg was interrupted while it installed packages that every boot or login needs (libc6, systemd, PAM).

Symptom: nothing answers ("Connection timed out", "No route to host"); or "Connection closed by SERVER port 22" if only
PAM is affected. The provider's console may show a kernel panic, or programs that don't find a library.

Cause: a release upgrade or an update was cut off: the SSH session that ran it ended, the disk was full, the machine was
reset. dpkg then has a package as half-installed (its files were being replaced), unpacked or half-configured (its
files are there, its setup has not run), in /var/lib/dpkg/status or in /var/lib/dpkg/updates.

The server may work all the same, so the finding is doubtful. openssh-server is judged by sshd-binary-broken.

Repair: finish the interrupted dpkg run in a shell on the server. Nothing else knows which files belong together.

See: dpkg(1), "Package states"; dpkg-query(1); apt-get(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.formats.packages import DPKG_STATUS, DPKG_UPDATES, INTERRUPTED_READS, interrupted_packages
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom

STEP = Step.BOOT
READS = INTERRUPTED_READS

NEEDED = re.compile(
    r"base-files|base-passwd|bash|coreutils|dash|dbus|dbus-system-bus-common|init|init-system-helpers|libaudit1"
    r"|libc6|libc-bin|libcrypt1|libpam0g|libpam0t64|libpam-(?:modules|modules-bin|runtime|systemd)|libselinux1"
    r"|libssl(?:1\.1|3|3t64)|libsystemd0|libsystemd-shared|libtinfo6|libzstd1|login|mount|passwd|systemd|systemd-sysv"
    r"|udev|usr-is-merged|usrmerge|util-linux|zlib1g"
)
"""What init, the mounts, sshd or a login shell can't do without."""
SHOWN = 4
MAY_WORK = "the server may work all the same, if the files are complete"


def find(facts: Facts) -> Iterator[Finding]:
    found = {name: state for name, state in interrupted_packages(facts.tree).items() if NEEDED.fullmatch(name)}
    if not found:
        return
    shown = ", ".join(f"{name} ({state})" for name, state in sorted(found.items())[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    places = [DPKG_STATUS] if facts.tree.entry(DPKG_STATUS) is not None else [DPKG_UPDATES]
    yield Finding(
        check="dpkg-interrupted",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"dpkg was interrupted while it installed packages that a boot or login needs: {shown}{more}.",
        symptom=Symptom.UNREACHABLE,
        locations=tuple(Location(PurePosixPath(each)) for each in places),
        repairs=(
            Repair(
                "finish the interrupted dpkg run, in rescue shell",
                Safety.MANUAL,
                steps="First check whether the disk is full (df -h).\nrescue shell\ndpkg --configure -a\n"
                "apt-get -f install",
            ),
        ),
        subject="packages",
        reason=MAY_WORK,
    )
