"""The host keys that sshd would load. Shared by the checks of host keys; no check itself."""

from __future__ import annotations

from dataclasses import replace

from rescue.facts import Facts
from rescue.keys.host_keys import DEFAULT_HOST_KEYS, HostKey, read_host_key
from rescue.logins.ssh_units import ssh_service
from rescue.tree import Read

KEYGEN_UNITS = frozenset({"sshd-keygen.target", "sshdgenkeys.service", "sshd-keygen.service"})
KEYGEN_PROGRAMS = ("ssh-keygen -A", "sshd-gen-keys-start", "sshd-keygen")

NO_DSA = (10, 0)
"""The first release without DSA keys."""


def host_keys(facts: Facts) -> tuple[HostKey, ...]:
    """Each key that the configuration or the default names, in order; () if the keys are not in files."""
    if _from_agent(facts):
        return ()
    paths = [word for setting in facts.sshd.globals("HostKey") for word in setting.words] or list(DEFAULT_HOST_KEYS)
    absolute = [f"/{path.lstrip('/')}" for path in paths if path.lower() != "none"]
    facts.tree.require(*(Read(path, depth=0) for path in absolute))
    keys = tuple(read_host_key(facts.tree, path, facts.release) for path in dict.fromkeys(absolute))
    return tuple(_without_dsa(facts, key) for key in keys)


def _from_agent(facts: Facts) -> bool:
    return any(word.lower() != "none" for setting in facts.sshd.globals("HostKeyAgent") for word in setting.words)


def _without_dsa(facts: Facts, key: HostKey) -> HostKey:
    if key.type == "ssh-dss" and facts.openssh is not None and facts.openssh.version >= NO_DSA:
        return replace(key, type="", problem="is a DSA key, which this version of sshd does not read")
    return key


def made_at_start(facts: Facts) -> bool:
    """Whether the service itself creates missing default keys whenever it starts.

    True on Red Hat (sshd-keygen.target), Arch (sshdgenkeys.service), SUSE (sshd-gen-keys-start) and Alpine (the init
    script); Debian and Ubuntu do so only when the package is configured, cloud-init once per instance.
    """
    if facts.units.manager == "openrc":
        return True
    unit = ssh_service(facts.units)
    if unit is None:
        return False
    pulling = (*unit.values("Unit", "Wants"), *unit.values("Unit", "Requires"))
    pulled = KEYGEN_UNITS & {word for value in pulling for word in value.text.split()}
    if any((made := facts.units.unit(name)).present and made.unmet is None for name in pulled):
        # Debian 13 also has a unit of that name, for the first boot only.
        return not facts.release.is_debian
    return any(program in value.text for value in unit.values("Service", "ExecStartPre") for program in KEYGEN_PROGRAMS)
