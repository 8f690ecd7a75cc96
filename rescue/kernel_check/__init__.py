"""Checks the firewall's verdict against this computer's kernel: real rules, real packets, in separate namespaces.

`prove` implements ``rescue firewall --prove``; the tests of the firewall also use `lab`. Nothing of the target is
executed: this system's own iptables, nft and ipset load its rules.
"""

from rescue.kernel_check.errors import ProofError

__all__ = ["ProofError"]
