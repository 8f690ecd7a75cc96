"""What the server's packet filters do with an SSH connection, worked out from the files they are loaded from.

`active_firewalls` says which of them are loaded at boot, `reach` who gets through all of them.
"""
