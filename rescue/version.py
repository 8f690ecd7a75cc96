"""The program's version, for every room: the package itself holds names of upper ones."""

__version__ = "0.1.0"
