"""An /etc/crypttab line asks for a passphrase that nobody enters, or its disk is missing: the boot waits or stops.

Symptom: "Connection refused" if systemd-networkd configures the network, because it starts early; else nothing
answers ("No route to host", "Connection timed out"). The provider's console shows "Please enter passphrase for disk",
or, where the disk is missing, "You are in emergency mode".

Cause: a line without nofail whose key is none, or whose key file is missing: systemd asks at the console and waits
forever, because everything else starts after cryptsetup.target. Or the encrypted disk was detached, and a line without
nofail in /etc/fstab needs its volume: the boot stops in emergency mode after 90 seconds.

Volumes that the initramfs opens (the root file system and what may hold it) are not judged, nor those that a TPM, a
token or Clevis opens. Somebody may enter the passphrase at the console at each boot: so the finding is doubtful.

Repair: add nofail to the line in /etc/crypttab, and to the lines in /etc/fstab that need the volume. The server then
starts without it; open it by hand afterwards (systemctl start systemd-cryptsetup@NAME).

See: crypttab(5), systemd-cryptsetup-generator(8), systemd-cryptsetup@.service(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from rescue.boot.crypttab import CRYPTTAB, IN_INITRAMFS, CryptLine, read_crypttab, with_nofail
from rescue.boot.dispensable import emergency_symptom
from rescue.boot.fstab import FSTAB, FstabLine, read_fstab, with_option
from rescue.boot.named import ELSEWHERE, devices_named
from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Read, Tree

STEP = Step.BOOT
GENERATORS = tuple(
    f"{folder}/systemd/system-generators/systemd-cryptsetup-generator" for folder in ("/usr/lib", "/lib")
)
CLEVIS = ("/usr/bin/clevis", "/usr/lib/systemd/system/clevis-luks-askpass.path")
"""What answers instead of a person."""
READS = (
    Read(CRYPTTAB, depth=0),
    Read(FSTAB, depth=0),
    *UNIT_READS,
    *(Read(path, depth=0, content=False) for path in (*GENERATORS, *CLEVIS)),
    Read("/etc/cryptsetup-keys.d", depth=1, content=False),
)

ANSWERED = ("tpm2-device", "fido2-device", "pkcs11-uri", "headless", "keyscript", "swap", "tmp", "password-echo-file")
BY_HAND = "somebody may enter the passphrase at the console at each boot"
PLAIN = re.compile(r"/dev/(?:[hsv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+p|mmcblk\d+p)\d+")
BUILT_BEFORE = ("/", "/usr")
"""What the initramfs mounts."""


def find(facts: Facts) -> Iterator[Finding]:
    tree = facts.tree
    tree.require(*READS)
    if facts.units.manager != "systemd" or not any(tree.entry(path) is not None for path in GENERATORS):
        return
    fstab = read_fstab(tree.text(FSTAB) or "")
    for line in read_crypttab(tree.text(CRYPTTAB) or ""):
        users = [each for each in fstab if each.source == line.device]
        if not _before(tree, line, fstab, users) and (fault := _fault(tree, line, fstab, users)) is not None:
            yield _finding(facts, line, *fault, [each for each in users if each.required])


def _before(tree: Tree, line: CryptLine, fstab: tuple[FstabLine, ...], users: list[FstabLine]) -> bool:
    """Whether the initramfs opens the volume, or may, because the root file system may be in it."""
    if line.has(*IN_INITRAMFS, "_netdev") or any(each.point in BUILT_BEFORE for each in users):
        return True
    root = next((each for each in fstab if each.point == "/"), None)
    if users:
        return False
    if root is None or PLAIN.fullmatch(root.source):
        return root is None
    found = devices_named(root.source, tree.devices) if tree.devices is not None else []
    return not any(PLAIN.fullmatch(each.name) for each in found)


def _fault(
    tree: Tree, line: CryptLine, fstab: tuple[FstabLine, ...], users: list[FstabLine]
) -> tuple[str, str, bool] | None:
    """What is wrong, why it is in doubt, and whether the boot waits forever."""
    needed = [each for each in users if each.required]
    devices = tree.devices
    if needed and devices is not None and _is_disk(line.source) and not devices_named(line.source, devices):
        return f"needs {line.source}, which no disk here has", "" if devices.complete else ELSEWHERE, False
    optional = line.has("nofail", "noauto")
    ends = any(each.startswith("timeout=") and each not in ("timeout=0", "timeout=") for each in line.options)
    if (optional or ends) and not needed:
        return None
    if line.has(*ANSWERED) or any(tree.entry(path) is not None for path in CLEVIS):
        return None
    why = _asks(tree, line, fstab)
    return (why, BY_HAND, not optional and not ends) if why else None


def _is_disk(source: str) -> bool:
    return source.startswith(("UUID=", "PARTUUID=", "LABEL=", "PARTLABEL=", "/dev/disk/by-uuid/")) or bool(
        PLAIN.fullmatch(source)
    )


def _asks(tree: Tree, line: CryptLine, fstab: tuple[FstabLine, ...]) -> str:
    """Why systemd asks for a passphrase; "" if it does not, or if the key may be on another disk."""
    if not line.key:
        path = f"/etc/cryptsetup-keys.d/{line.name}.key"
        return "" if tree.entry(path) is not None else "asks for a passphrase at the console"
    if not line.key.startswith("/") or line.key.startswith(("/dev/", "/run/")) or ":" in line.key:
        return ""
    if any(each.point not in ("/", "none") and f"{line.key}/".startswith(f"{each.point}/") for each in fstab):
        return ""
    tree.require(Read(line.key, depth=0, content=False))
    missing = f"asks for a passphrase, because its key file {line.key} is missing"
    return "" if tree.entry(line.key) is not None else missing


def _finding(facts: Facts, line: CryptLine, what: str, doubt: str, forever: bool, needed: list[FstabLine]) -> Finding:
    result = "The boot waits for it forever" if forever else "The boot stops in emergency mode"
    return Finding(
        check="crypttab-waits",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"The encrypted volume {line.name} in {CRYPTTAB} {what}. {result}, without SSH.",
        symptom=emergency_symptom(facts.units),
        locations=(line.location, *(each.location for each in needed)),
        repairs=(_repair(line, needed),),
        subject=line.name,
        reason=doubt,
    )


def _repair(line: CryptLine, needed: list[FstabLine]) -> Repair:
    points = ", ".join(each.point for each in needed)
    system = any(f"{each.point}/".startswith("/var/") for each in needed)
    later = "services no longer wait for it; what they write while it is closed goes to the root file system"
    return Repair(
        f"let the server start without the volume {line.name}" + (f" ({points})" if points else "") + ": add nofail",
        Safety.UNSAFE if system else Safety.SAFE,
        partial(
            _dispensable,
            number=0 if line.has("nofail") else line.number,
            mounts=tuple(each.number for each in needed),
        ),
        weakens=later if system else "",
        steps=f"Open it after the boot: systemctl start systemd-cryptsetup@{line.name}",
    )


def _dispensable(tree: Tree, number: int, mounts: tuple[int, ...]) -> Tree:
    if number:
        tree = tree.write(CRYPTTAB, with_nofail(tree.text(CRYPTTAB) or "", number))
    text = tree.text(FSTAB) or ""
    for each in mounts:
        text = with_option(text, each, "nofail")
    return tree.write(FSTAB, text) if mounts else tree
