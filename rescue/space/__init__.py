"""What fills a disk, and what of it may go: logs, caches and crash dumps, in the order of least loss. Pure."""
