"""What systemd's execution settings take from a service: values, system calls, and what it sees of the disk. Pure.

Follows systemd.exec(5) and systemd.resource-control(5), and load-fragment.c and namespace.c of systemd 252.
"""
