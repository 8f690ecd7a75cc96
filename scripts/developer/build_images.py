"""``python -m scripts.developer.build_images RECIPES [--list] [NAME...]``: build images from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.images.image import BuiltImage, allocated, ensure_image, find_image
from rescue.labs.images.recipe import UnknownRecipe, load_recipe, recipes
from rescue.status import Status

MIB = 1 << 20


def main(arguments: list[str]) -> int:
    """Build the named images, else all; or print the list. The exit status is one of the README's."""
    options = _options(arguments)
    try:
        names = options.names or list(recipes(options.recipes))
        # A misspelt name is said before the first build, not after it.
        for name in names:
            load_recipe(options.recipes, name)
        if options.list:
            _list(options.recipes, names)
            return Status.CLEAR
        for name in names:
            image = ensure_image(options.recipes, name, lambda message: print(f"... {message}", flush=True))
            print(f"{name}: {image.directory}", flush=True)
    except LabError as problem:
        print(f"build-images: {problem}", file=sys.stderr)
        if problem.hint:
            print(problem.hint, file=sys.stderr)
        return Status.USAGE if isinstance(problem, UnknownRecipe) else Status.FAILED
    except KeyboardInterrupt:
        print("build-images: cancelled; what was half-built is removed", file=sys.stderr)
        return Status.CANCELLED
    return Status.CLEAR


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/build-images",
        description="Build the lab's images. What is in the cache already is left as it is.",
    )
    parser.add_argument("recipes", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a recipe of images/ (default: all of them)")
    parser.add_argument("--list", action="store_true", help="print the recipes, what they are for, and which are built")
    return parser.parse_args(arguments)


def _list(directory: Path, names: list[str]) -> None:
    width = max(map(len, names), default=0)
    for name in names:
        image = find_image(directory, name)
        print(f"{name:<{width}}  {_state(image):<16}  {load_recipe(directory, name).purpose}")


def _state(image: BuiltImage | None) -> str:
    return "not built" if image is None else f"built, {allocated(image.directory) // MIB} MiB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
