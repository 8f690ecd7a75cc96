"""Machines that boot: QEMU, consoles, networks, saved states; and servers in namespaces."""
