"""Support bundles: the file that `rescue capture` writes, as a target."""
