"""What sshd checks once all lines are read: settings that exclude each other.

Source: main in sshd.c, add_one_listen_addr in servconf.c, auth2_methods_valid in auth2.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rescue.model import Location
from rescue.sshd.effective import Setting
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import Fault, Problem
from rescue.sshd.language.keywords import CHALLENGE_RESPONSE, keyword
from rescue.sshd.language.patterns import numeric_address
from rescue.sshd.language.syntax import ARGV_SPLIT
from rescue.sshd.language.values import STARTUPS_CHECKED

Globals = Mapping[str, Sequence[Setting]]

ENABLED_BY = {
    "publickey": "PubkeyAuthentication",
    "password": "PasswordAuthentication",
    "keyboard-interactive": "KbdInteractiveAuthentication",
    "hostbased": "HostbasedAuthentication",
    "gssapi-with-mic": "GSSAPIAuthentication",
    "gssapi-keyex": "GSSAPIKeyExchange",
}
"""Which flag a method of AuthenticationMethods needs."""


def unsound(settings: Globals, dialect: Dialect) -> Iterator[Problem]:
    """The combinations that stop sshd, and the addresses that can't be checked from the disk."""
    yield from _listen(settings)
    for name in ("AuthorizedKeysCommand", "AuthorizedPrincipalsCommand"):
        yield from _command_without_user(settings, name)
    yield from _methods(settings, dialect)
    yield from _startups(settings, dialect)


def _first(settings: Globals, name: str) -> Setting | None:
    lines = settings.get(name.lower(), ())
    return lines[0] if lines else None


def _place(setting: Setting) -> Location:
    assert setting.location is not None, "a global setting always has a place"
    return setting.location


def _listen(settings: Globals) -> Iterator[Problem]:
    family = _first(settings, "AddressFamily")
    wanted = {"inet": 4, "inet6": 6}.get(family.words[0]) if family else None
    for setting in settings.get("listenaddress", ()):
        host = setting.words[0]
        address = numeric_address(host)
        if address is None:
            if host not in ("localhost", "*"):
                text = f"whether {host} can be looked up when sshd starts can't be told from the disk"
                yield Problem(_place(setting), text, False, "ListenAddress", Fault.UNDECIDED)
        elif wanted is not None and address.version != wanted and family is not None:
            text = f"ListenAddress {host} is refused, as AddressFamily allows {family.words[0]} only"
            yield Problem(_place(setting), text, True, "ListenAddress", Fault.COMBINATION)


def _command_without_user(settings: Globals, name: str) -> Iterator[Problem]:
    command = _first(settings, name)
    if command is not None and command.words != ("none",) and _first(settings, f"{name}User") is None:
        text = f"{name} needs {name}User, the user to run the program as, and that is not set"
        yield Problem(_place(command), text, True, name, Fault.COMBINATION)


def disabled_method(settings: Globals, methods: str, dialect: Dialect) -> str | None:
    """The disabled flag that a list of methods needs; None if every method in it is enabled."""
    for method in methods.split(","):
        flag = ENABLED_BY.get(method.partition(":")[0])
        if flag is not None and not _enabled(settings, flag, dialect):
            return flag
    return None


def _enabled(settings: Globals, flag: str, dialect: Dialect) -> bool:
    if flag == "KbdInteractiveAuthentication" and dialect.before(ARGV_SPLIT):
        challenge = _first(settings, CHALLENGE_RESPONSE.name)
        own = _first(settings, flag)
        return challenge is None or challenge.words == ("yes",) or (own is not None and own.words == ("yes",))
    line = _first(settings, flag)
    return (line.words if line else keyword(flag).default) == ("yes",)


def _methods(settings: Globals, dialect: Dialect) -> Iterator[Problem]:
    line = _first(settings, "AuthenticationMethods")
    if line is None or line.words == ("any",):
        return
    missing = [disabled_method(settings, methods, dialect) for methods in line.words]
    flags = [flag for flag in missing if flag is not None]
    if flags and len(flags) == len(missing):
        text = f"AuthenticationMethods asks for a method that {flags[0]} turns off, so nobody could log in"
        yield Problem(_place(line), text, True, "AuthenticationMethods", Fault.COMBINATION, flags[0])


def _startups(settings: Globals, dialect: Dialect) -> Iterator[Problem]:
    line = _first(settings, "MaxStartups")
    if line is None or not dialect.since(STARTUPS_CHECKED):
        return
    begin, _, full = (int(number) for number in line.words[0].split(":"))
    if begin <= 0 or full <= 0:
        text = "MaxStartups must be greater than 0"
        yield Problem(_place(line), text, True, "MaxStartups", Fault.VALUE)
