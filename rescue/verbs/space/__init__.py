"""``rescue space TARGET``: what fills the disk, and what could go. Changes nothing; `rescue fix` makes room."""

from rescue.verbs.space.tell import run

__all__ = ["run"]
