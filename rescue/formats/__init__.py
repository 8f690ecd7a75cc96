"""The plain formats of a server's files: os-release, the package database, units, accounts, keys.

Each module reads one format as the program that owns it does, and says nothing about what it means for a login.
Pure: everything comes from a `Tree`.
"""
