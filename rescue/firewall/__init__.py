"""What the server's packet filters do with an SSH connection, worked out from the files they are loaded from.

`active_firewalls` says which of them are loaded at boot, `reach` who gets through all of them.
"""

from rescue.firewall.boot import READS, Active, active_firewalls, loaded_at_boot
from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.reach import Reach, reach, reached
from rescue.firewall.engine.ruleset import Firewall, Problem, Rule, Ruleset
from rescue.firewall.engine.verdict import Decision, Kind, Stage, Verdict

__all__ = [
    "READS",
    "Active",
    "AddressSet",
    "Decision",
    "Firewall",
    "Kind",
    "Problem",
    "Reach",
    "Rule",
    "Ruleset",
    "Stage",
    "Verdict",
    "active_firewalls",
    "loaded_at_boot",
    "reach",
    "reached",
]
