"""firewalld: what it loads into the kernel, from its own files and the defaults that it is installed with.

`load_firewalld` reads them as the daemon does at boot and returns chains and rules in the form that `evaluate` uses.
"""

from rescue.firewall.firewalld.load import MANAGER, READS, configuration, load_firewalld
from rescue.firewall.firewalld.store import Configuration

__all__ = ["MANAGER", "READS", "Configuration", "configuration", "load_firewalld"]
