"""Programs that keep addresses out by lists of their own, which they put in force again at each boot.

Each module reads one program's configuration and list from a tree and says whom it keeps from a port, and gives the
tree in which one of them is taken out. What of it is wrong is the checks' business.
"""
