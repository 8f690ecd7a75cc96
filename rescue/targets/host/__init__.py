"""This machine: system calls, mounts, device-mapper, locks, and what must be closed again."""
