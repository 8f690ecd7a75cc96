"""iptables: the files of iptables-save(8), read as iptables-restore(8) reads them. Pure."""
