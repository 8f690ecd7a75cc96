"""Servers broken at random in whatever a login depends on, booted, and logged in to: see scripts/fuzz-clear."""
