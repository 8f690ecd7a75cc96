"""What settings in sshd_config do that no check covers.

Decides: timeouts that end a session, variables for every session, another routing domain, long penalties.

Not judged: a setting that is neither judged nor known to be harmless.

Supply: comment out the line, and try.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.checks.sshd_penalties import exempt
from rescue.facts import Facts
from rescue.keys.certificates import valid_at
from rescue.keys.wire import WireError
from rescue.logins.each_login import SSHD_READS
from rescue.model import Gap, Location, Step
from rescue.sshd.effective import Effective, Setting
from rescue.sshd.language.keywords import GLOBAL, MATCHABLE
from rescue.tree import Read

STEP = Step.ACCEPT
READS = SSHD_READS

HARMLESS = frozenset(
    [
        "acceptenv",
        "allowagentforwarding",
        "allowstreamlocalforwarding",
        "allowtcpforwarding",
        "disableforwarding",
        "authorizedprincipalscommand",
        "authorizedprincipalscommanduser",
        "authorizedprincipalsfile",
        "clientalivecountmax",
        "compression",
        "debianbanner",
        "exposeauthinfo",
        "fingerprinthash",
        "gatewayports",
        "gssapiauthentication",
        "gssapicleanupcredentials",
        "gssapikeyexchange",
        "gssapistorecredentialsonrekey",
        "gssapistrictacceptorcheck",
        "hostbasedacceptedalgorithms",
        "hostbasedacceptedkeytypes",
        "hostbasedauthentication",
        "hostbasedusesnamefrompacketonly",
        "ignorerhosts",
        "ignoreuserknownhosts",
        "ipqos",
        "kerberosauthentication",
        "kerberosgetafstoken",
        "kerberosorlocalpasswd",
        "kerberosticketcleanup",
        "loglevel",
        "logverbose",
        "persourcepenaltyexemptlist",
        "permitemptypasswords",
        "permitlisten",
        "permitopen",
        "permittunnel",
        "permituserrc",
        "pidfile",
        "printlastlog",
        "printmotd",
        "securitykeyprovider",
        "streamlocalbindmask",
        "streamlocalbindunlink",
        "subsystem",
        "syslogfacility",
        "tcpkeepalive",
        "trustedusercakeys",
        "versionaddendum",
        "x11displayoffset",
        "x11forwarding",
        "x11uselocalhost",
        "xauthlocation",
        "casignaturealgorithms",
        "pubkeyauthoptions",
        "useblocklist",
        "useblacklist",
        "protocol",
        "useprivilegeseparation",
        "uselogin",
        "keyregenerationinterval",
        "rsaauthentication",
        "rhostsrsaauthentication",
        "serverkeybits",
        "skeyauthentication",
        "hostbasedacceptedkeytypes",
    ]
)
"""Whatever their value, a key login gets a shell."""
JUDGED = frozenset(
    [
        "addressfamily",
        "allowgroups",
        "allowusers",
        "authenticationmethods",
        "authorizedkeyscommand",
        "authorizedkeyscommanduser",
        "authorizedkeysfile",
        "chrootdirectory",
        "denygroups",
        "denyusers",
        "forcecommand",
        "hostkey",
        "hostkeyagent",
        "kbdinteractiveauthentication",
        "challengeresponseauthentication",
        "listenaddress",
        "logingracetime",
        "maxauthtries",
        "maxsessions",
        "maxstartups",
        "modulifile",
        "pamservicename",
        "passwordauthentication",
        "permitrootlogin",
        "port",
        "pubkeyacceptedalgorithms",
        "pubkeyacceptedkeytypes",
        "pubkeyauthentication",
        "requiredrsasize",
        "revokedkeys",
        "sshdauthpath",
        "sshdsessionpath",
        "strictmodes",
        "usepam",
        "persourcemaxstartups",
        "persourcenetblocksize",
        "ciphers",
        "hostkeyalgorithms",
        "kexalgorithms",
        "macs",
    ]
)
"""What the checks use."""


def find(facts: Facts) -> Iterator[Gap]:
    if facts.sshd.fatal:
        return
    told: set[Location] = set()
    for account in facts.logins:
        effective = facts.effective(account)
        for keyword in (*GLOBAL, *MATCHABLE):
            key = keyword.name.lower()
            if key in HARMLESS or key in JUDGED:
                continue
            for setting in _given(effective, keyword.name):
                place = setting.location
                if place is None or place in told or _fine(facts, key, setting):
                    continue
                told.add(place)
                what = f"whether you get in with {keyword.name} {' '.join(setting.words)[:60]} ({place})"
                supply = SUPPLY.get(key, "comment out the line, and try")
                yield Gap("sshd-settings", LINKS.get(key, STEP), what, supply, locations=(place,))
    yield from _routing_domains(facts)


def _routing_domains(facts: Facts) -> Iterator[Gap]:
    """sshd does not start if the device of a routing domain does not exist yet: only lo always does."""
    for setting in facts.sshd.globals("ListenAddress"):
        place = setting.location
        words = place.text.replace('"', " ").split() if place is not None else []
        if place is not None and words[-2:-1] == ["rdomain"] and words[-1] != "lo":
            what = f"whether the device {words[-1][:60]} exists when sshd starts ({place})"
            yield Gap("sshd-settings", Step.SERVICE, what, "remove rdomain from the line, and try", locations=(place,))


def _given(effective: Effective, name: str) -> Iterator[Setting]:
    try:
        yield from effective.all(name)
    except KeyError:
        return
    for alternative in effective.alternatives(name):
        yield from alternative.settings


LINKS = {
    "channeltimeout": Step.SESSION,
    "unusedconnectiontimeout": Step.SESSION,
    "setenv": Step.SESSION,
    "permittty": Step.SESSION,
    "permituserenvironment": Step.SESSION,
    "clientaliveinterval": Step.SESSION,
    "rekeylimit": Step.SESSION,
}


SUPPLY = {
    "persourcepenalties": "restart sshd, which forgets penalties, or add your address to PerSourcePenaltyExemptList",
    "hostcertificate": "remove the line; clients that know its authority alone will then ask about the key",
}

LONG_PENALTY = 600
"""Seconds: what sshd adds up to by default (PerSourcePenalties, max)."""

MANY_SOURCES = 1024
PATIENCE = 60
"""Seconds of LoginGraceTime that are enough for a name server that never answers: three of them, twice 5 s each."""


def _short_penalties(facts: Facts) -> bool:
    """Whether no penalty lasts longer than the usual ones, and no flood of strangers makes sshd refuse everybody."""
    words = [word.lower() for line in facts.sshd.globals("PerSourcePenalties") for word in line.words]
    if next((word for word in words if word in ("yes", "no")), "yes") == "no":
        return True
    given: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition(":")
        given.setdefault(key, value)
    if "deny-all" in (given.get("overflow"), given.get("overflow6")):
        counts = (given.get("max-sources4", ""), given.get("max-sources6", ""))
        if any(count and int(count[:9]) < MANY_SOURCES for count in counts if count[:9].isdigit() or not count):
            return False
    times = [value for key, value in given.items() if key not in ("yes", "no", "min") and not key.startswith(OTHERS)]
    most = _seconds(given["max"]) if "max" in given else LONG_PENALTY
    return most <= LONG_PENALTY or all(_seconds(value) <= LONG_PENALTY for value in times if value != given.get("max"))


OTHERS = ("max-sources", "overflow")


def _time_for_names(facts: Facts) -> bool:
    """Whether a login can wait for a name server that does not answer."""
    grace = facts.sshd.globals("LoginGraceTime")
    seconds = _seconds(grace[0].words[0]) if grace and grace[0].words else 120
    return seconds == 0 or seconds >= PATIENCE


def _outdated(facts: Facts, path: str) -> bool:
    """Whether a host certificate is no longer, or not yet, valid: one that does not load is ignored (sshd.c)."""
    facts.tree.require(Read(path, depth=0))
    words = (facts.tree.text(path) or "").split()[:2]
    if len(words) < 2:
        return False
    try:
        return not valid_at(words[1], facts.now.timestamp())
    except WireError:
        return False


def _fine(facts: Facts, key: str, setting: Setting) -> bool:
    words = setting.words
    match key:
        case "banner":
            return words == ("none",) or _plain_file(facts, words[0])
        case "permituserenvironment" | "refuseconnection":
            return words == ("no",)
        case "permittty":
            return words == ("yes",)
        case "persourcepenalties":
            return _short_penalties(facts) or exempt(facts)
        case "usedns":
            return words == ("no",) or _time_for_names(facts)
        case "hostcertificate":
            return words == ("none",) or not _outdated(facts, words[0])
        case "rdomain":
            return words == ("none",)
        case "clientaliveinterval":
            return _seconds(words[0]) == 0 or _seconds(words[0]) >= 10
        case "unusedconnectiontimeout":
            return words == ("none",) or _seconds(words[0]) == 0 or _seconds(words[0]) >= 30
        case "rekeylimit":
            return _big(words)
        case "channeltimeout":
            return words == ("none",)
        case "setenv":
            return not any(word.partition("=")[0] in LOUD or word.startswith("LD_") for word in words)
    return False


LOUD = frozenset(
    [
        "BASH_ENV",
        "ENV",
        "SHELL",
        "HOME",
        "PROMPT_COMMAND",
        "TMOUT",
        "PS4",
        "IFS",
        "POSIXLY_CORRECT",
        "SHELLOPTS",
        "BASHOPTS",
    ]
)


def _big(words: tuple[str, ...]) -> bool:
    size = words[0].upper()
    enough = (
        size in ("0", "DEFAULT")
        or size.endswith("G")
        or (size[:-1].isdigit() and size.endswith("M") and int(size[:-1]) >= 16)
    )
    enough = enough or (size.isdigit() and int(size[:18]) >= 16 << 20)
    return enough and (len(words) < 2 or words[1] in ("none", "0") or _seconds(words[1]) >= 300)


def _seconds(word: str) -> int:
    """A time of sshd_config(5), roughly; 0 if it is not a time."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    total, number = 0, ""
    for letter in word.lower():
        if letter.isdigit():
            number += letter
        else:
            total += int(number[:9] or 0) * units.get(letter, 0)
            number = ""
    return total + int(number[:9] or 0)


def _plain_file(facts: Facts, path: str) -> bool:
    # A missing banner is skipped.
    return not path.startswith(("/dev/", "/proc/", "/sys/"))
