"""What the server's packet filters do with an SSH connection, worked out from the files they are loaded from.

`active_firewalls` lists those that load at boot; `reach` determines who gets through all of them.
"""

from rescue.firewall.boot import READS, Active, active_firewalls, loaded_at_boot
from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.reach import Reach, reach, reached
from rescue.firewall.engine.ruleset import Firewall, LoadProblem, Rule, Ruleset
from rescue.firewall.engine.verdict import Decision, Stage, Verdict, VerdictKind

__all__ = [
    "READS",
    "Active",
    "AddressSet",
    "Decision",
    "Firewall",
    "LoadProblem",
    "Reach",
    "Rule",
    "Ruleset",
    "Stage",
    "Verdict",
    "VerdictKind",
    "active_firewalls",
    "loaded_at_boot",
    "reach",
    "reached",
]
