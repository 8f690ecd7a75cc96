"""What fills a disk, and what can be deleted: logs, caches and crash dumps, the least loss first. Pure."""
