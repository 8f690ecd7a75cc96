"""What fail2ban itself makes of configurations and databases: run with its own modules, by the system's Python.

    python3 fail2ban_oracle.py CASES

CASES is a folder of folders: each has `etc`, a configuration, and may have `db`, a database. Prints one JSON document:
for each case the jails that are on, with the settings and commands that the server would be told, and the addresses
that each jail would ban again at the time of the environment's NOW; "error" where it does not start.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from fail2ban.client.jailsreader import JailsReader
from fail2ban.server.database import Fail2BanDb
from fail2ban.server.jail import Jail
from fail2ban.server.mytime import MyTime

logging.disable(logging.CRITICAL)
MyTime.setTime(float(os.environ["NOW"]))


def told(case: Path) -> dict[str, Any]:
    # fail2ban tells no types; what comes of it goes into JSON.
    reader = JailsReader(basedir=str(case / "etc"), share_config={})
    reader.read()
    if not reader.getOptions():
        raise ValueError("no jail can be used")
    jails: dict[str, Any] = {}
    for command, name, *words in (each for each in reader.convert(allow_no_files=True) if len(each) > 2):
        jail = jails.setdefault(name, {"actions": {}})
        if command == "multi-set" and words[0] == "action":
            jail["actions"].setdefault(words[1], {}).update(words[2])
        elif command == "set" and words[0] == "action":
            jail["actions"].setdefault(words[1], {})[words[2]] = words[3]
        elif command == "set":
            jail[words[0]] = words[1:] if words[0] == "addignoreip" else words[1]
    return jails


def restored(case: Path, jails: dict[str, Any]) -> dict[str, list[str]]:
    database = Fail2BanDb(str(case / "db"))
    found = {}
    for name, settings in jails.items():
        jail = Jail(name, "polling", database)
        jail.filter.ignoreSelf = False
        jail.actions.setBanTime(settings["bantime"])
        for option in ("increment", "maxtime"):
            if f"bantime.{option}" in settings:
                jail.setBanTimeExtra(option, settings[f"bantime.{option}"])
        for word in settings.get("addignoreip", ()):
            jail.filter.addIgnoreIP(word)
        back: list[Any] = []
        jail.putFailTicket = back.append
        jail.restoreCurrentBans()
        found[name] = sorted(str(ticket.getID()) for ticket in back)
    return found


answers: dict[str, dict[str, object]] = {}
for case in sorted(Path(sys.argv[1]).iterdir()):
    try:
        jails = told(case)
        answers[case.name] = {"jails": jails, "bans": restored(case, jails) if (case / "db").exists() else {}}
    except Exception as problem:  # whatever stops fail2ban from starting
        answers[case.name] = {"error": repr(problem)}
json.dump(answers, sys.stdout)
