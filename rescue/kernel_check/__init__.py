"""The firewall's verdict held against this computer's kernel: real rules, real packets, in namespaces of their own.

`prove` is what ``rescue firewall --prove`` does; `lab` is also what the tests of the firewall are made with. Nothing of
the target is executed: its rules are loaded by this system's own iptables, nft and ipset.
"""

from rescue.kernel_check.errors import ProofError

__all__ = ["ProofError"]
