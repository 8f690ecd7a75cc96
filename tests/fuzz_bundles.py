"""Every lab's broken server, judged from its disk and from a bundle: is it the same? See scripts/fuzz-bundles."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path

from rescue.labs.images.image import Image, find_image
from rescue.labs.lessons.scenario import Scenario
from rescue.model import Client
from rescue.redaction.files import without_secrets
from rescue.survey import survey
from rescue.targets.bundle.file import Bundle, write_bundle
from rescue.targets.bundle.target import BundleTarget
from rescue.targets.files.directory import DirectoryTarget
from rescue.ui import document
from rescue.verbs.capture import gathered
from tests.conftest import RECIPES
from tests.system.test_scenarios import BOOTLESS, broken


def main(words: list[str]) -> int:
    """Print each lab whose bundle is judged otherwise, and for whom; status 1 if there was one."""
    if os.geteuid() != 0:
        print("fuzz-bundles: this needs root")
        return 1
    seed = int(words[0]) if words else random.SystemRandom().randrange(10**9)
    labs = list(BOOTLESS)
    random.Random(seed).shuffle(labs)
    labs = labs[: int(words[1])] if len(words) > 1 else labs
    asked = failed = 0
    for lab in labs:
        image = find_image(RECIPES, lab.image)
        if image is None:
            print(f"{lab.id}: left out, as its image {lab.image} was not built yet (scripts/build-images)")
            continue
        asked += 1
        others = differences(lab, image)
        failed += bool(others)
        for user, said in others:
            print(f"{lab.id} ({user}): {said}")
    print(f"{asked} broken servers (seed {seed}): {failed} judged otherwise from a bundle")
    return 1 if failed or not asked else 0


def differences(lab: Scenario, image: Image) -> list[tuple[str | None, str]]:
    """The users for whom the bundle says something else than the disk, and what."""
    with broken(image, lab) as server:
        target = DirectoryTarget(str(server.path))
        try:
            tree, clients = gathered(target, Client(user=lab.user))
            expected = [document.inspection(survey(target, client)[1], "", "") for client in clients]
        finally:
            target.close()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "server.bundle"
        with path.open("wb") as stream:
            write_bundle(stream, Bundle(without_secrets(tree), "server", "directory", "now"))
        saved = BundleTarget(path)
    found = [document.inspection(survey(saved, client)[1], "", "") for client in clients]
    return [
        (client.user, str(got["findings"]))
        for client, got, wanted in zip(clients, found, expected, strict=True)
        if got != wanted
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
