"""Capture and atomically replace files below a root that this kernel has mounted."""
