"""``python -m rescue``."""

from rescue.cli import run

run()
