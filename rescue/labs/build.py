"""``python -m rescue.labs.build RECIPES [NAME...]``: build images from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from rescue.labs.image import ImageError, ensure_image
from rescue.labs.recipe import RecipeError, recipes


def main(arguments: list[str]) -> int:
    """Build the named images, else all. Exit status 0, or 1 with the reason."""
    directory, *names = arguments
    try:
        for name in names or recipes(Path(directory)):
            image = ensure_image(Path(directory), name, lambda message: print(f"... {message}", flush=True))
            print(f"{name}: {image.directory}")
    except (ImageError, RecipeError) as problem:
        print(f"build-images: {problem}", file=sys.stderr)
        if hint := getattr(problem, "hint", ""):
            print(hint, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
