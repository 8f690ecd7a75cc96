"""libguestfs: disk images read by a small virtual machine, launched or restored from a saved state."""
