"""Keys: authorized_keys, public and private keys, host keys, and whether sshd trusts their files. Pure."""
