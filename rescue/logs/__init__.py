"""Logs as data: the systemd journal and wtmp. Pure."""
