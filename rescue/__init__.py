"""Finds out from a server's disk why SSH is refused, repairs it, proves the repair and undoes itself."""

__version__ = "0.1.0"
