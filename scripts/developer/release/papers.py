"""What goes with a release: checksums and their signature, the list of licences, the bill of materials."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot5
from packageurl import PackageURL

from rescue.version import __version__
from scripts.developer.release.debian import SUITE, Package
from scripts.developer.release.wheels import Wheel

Listed = dict[str, tuple[list[Package], list[Wheel]]]
"""By a file's name: what of others is in it."""

NAMESPACE = "rescue-release"
"""Of the signature: ssh-keygen -Y verify -n rescue-release."""


def write(into: Path, names: list[str], listed: Listed, stamp: int, key: Path | None) -> None:
    """SHA256SUMS (with SHA256SUMS.sig, given a key), LICENCES.txt and rescue.cdx.json in the folder `into`."""
    (into / "LICENCES.txt").write_text(_licences(listed), encoding="utf-8")
    (into / "rescue.cdx.json").write_text(_materials(listed, stamp), encoding="utf-8")
    every = [*names, "LICENCES.txt", "rescue.cdx.json"]
    sums = "".join(f"{hashlib.sha256((into / name).read_bytes()).hexdigest()}  {name}\n" for name in every)
    (into / "SHA256SUMS").write_text(sums)
    if key is not None:
        (into / "SHA256SUMS.sig").unlink(missing_ok=True)
        words = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(into / "SHA256SUMS")]
        subprocess.run(words, check=True)


def _licences(listed: Listed) -> str:
    lines = [f"rescue {__version__}: Apache-2.0", ""]
    for name, (packages, pure) in sorted(listed.items()):
        if not packages and not pure:
            continue
        lines.append(f"{name} also holds (texts of the licences: its folder licences/):")
        lines += [f"  {each.name} {each.version}, Debian {SUITE}: see licences/{each.name}.txt" for each in packages]
        lines += [f"  {each.name} {each.version}, PyPI: {each.licence}" for each in pure]
        lines.append("")
    return "\n".join(lines)


def _materials(listed: Listed, stamp: int) -> str:
    """A CycloneDX document. Its serial number follows from what is in it, so that it comes out the same each time."""
    bom = Bom()
    bom.metadata.timestamp = datetime.fromtimestamp(stamp, UTC)
    main = Component(
        name="rescue", version=__version__, type=ComponentType.APPLICATION, bom_ref="rescue",
        licenses=[DisjunctiveLicense(id="Apache-2.0")], purl=PackageURL("generic", name="rescue", version=__version__),
    )  # fmt: skip
    bom.metadata.component = main
    found: dict[str, Component] = {}
    for packages, pure in listed.values():
        for package in packages:
            architecture = package.path.stem.rpartition("_")[2]
            url = PackageURL("deb", "debian", package.name, package.version, {"arch": architecture, "distro": SUITE})
            found[str(url)] = _component(package.name, package.version, url)
        for wheel in pure:
            url = PackageURL("pypi", name=wheel.name, version=wheel.version)
            found[str(url)] = _component(wheel.name, wheel.version, url, wheel.licence)
    for _, component in sorted(found.items()):
        bom.components.add(component)
    bom.register_dependency(main, list(bom.components))
    digest = hashlib.sha256("\n".join(sorted(found)).encode()).digest()
    bom.serial_number = UUID(bytes=digest[:16], version=5)
    return JsonV1Dot5(bom).output_as_string(indent=2)


def _component(name: str, version: str, url: PackageURL, licence: str = "") -> Component:
    licences = [DisjunctiveLicense(name=licence)] if licence else []
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, purl=url, bom_ref=str(url), licenses=licences
    )
