"""Who takes a new password away again: the agents of clouds that set accounts up, by their settings. No check itself.

Sources: cloud-init's cc_users_groups.py, cc_set_passwords.py and cc_ssh.py (each once for an instance), the agent's
waagent.conf of Azure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.formats.yaml_nodes import YamlError, YamlTooLarge, read_yaml
from rescue.model import Location
from rescue.network import cloud_init
from rescue.tree import Read, ReadError, Tree

WAAGENT = "/etc/waagent.conf"
TAKEN_READS = (*cloud_init.READS, Read(WAAGENT, depth=0))
NEW_INSTANCE = "if the server gets a new instance id, as when its disk is moved to a new server"


def taken_away(facts: Facts, account: Account) -> Iterator[str]:
    """What may take the account's password away, each as a sentence with its file."""
    tree = facts.tree
    tree.require(*TAKEN_READS)
    if cloud_init.present(tree):
        yield from _cloud_init(tree, account)
    for number, line in enumerate((tree.text_if_read(WAAGENT) or "").split("\n"), start=1):
        name, _, value = line.partition("=")
        if account.uid == 0 and name.strip() == "Provisioning.DeleteRootPassword" and value.strip().lower() == "y":
            place = Location(PurePosixPath(WAAGENT), number)
            yield f"Azure's agent deletes root's password when it sets the server up ({place})."


def _cloud_init(tree: Tree, account: Account) -> Iterator[str]:
    """What cloud-init does to passwords on a new instance. The last file that names a setting counts."""
    more = [f"{cloud_init.MORE}/{name}" for name in tree.children(cloud_init.MORE)[: cloud_init.MOST_FILES]]
    paths = [cloud_init.MAIN, *(path for path in sorted(more) if path.endswith(".cfg"))]
    default, locks, asked = None, None, None
    for path in paths:
        try:
            root = read_yaml(tree.text(path) or "")
        except (YamlError, YamlTooLarge, ReadError):
            continue
        if root is None:
            continue
        if (user := root.get("system_info", "default_user", "name")) is not None:
            default = user.text
        if (lock := root.get("system_info", "default_user", "lock_passwd")) is not None:
            locks = (lock.text, path)
        if (way := root.get("ssh_pwauth")) is not None:
            asked = (way.text, path)
    word, path = locks or ("true", cloud_init.MAIN)
    if default == account.name and word.lower() not in ("false", "no", "off"):
        yield f"cloud-init locks the password of {account.name} again {NEW_INSTANCE} (lock_passwd, {path})."
    if asked is not None and asked[0].lower() in ("false", "no", "off", "0"):
        yield f"cloud-init sets PasswordAuthentication no again {NEW_INSTANCE} (ssh_pwauth, {asked[1]})."
