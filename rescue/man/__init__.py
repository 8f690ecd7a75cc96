"""Manual pages that are no cause's, read by ``rescue explain PAGE``. Their first line says what they are about."""

from __future__ import annotations

from importlib.resources import files


def pages() -> dict[str, str]:
    """Every page's text, by name."""
    return {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".md")
    }
