"""``rescue timeline TARGET``: what the disk remembers."""

from rescue.verbs.timeline.tell import run

__all__ = ["run"]
