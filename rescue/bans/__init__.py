"""Programs that ban addresses by their own lists, which they apply again at each boot.

Each module reads one program's configuration and list from a tree, reports whom it blocks from a port, and gives the
tree without one of these bans. The checks decide what is wrong.
"""
