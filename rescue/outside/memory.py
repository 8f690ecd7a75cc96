"""What earlier probes saw, kept in the person's own state folder (XDG Base Directory), one small file a host.

Of the last probe everything that a support request needs; of the last success the address, the port and the host key,
so that a forgotten port is known again. Files of others, too large or of another form, count as none.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rescue.outside.observed import Answer, Observed
from rescue.outside.verdict import Verdict

MOST = 64 << 10
MOST_HOSTS = 500
"""Files that are looked through for the newest one."""


@dataclass(frozen=True, slots=True)
class Success:
    """The newest probe that an SSH server answered."""

    at: str
    address: str
    port: int
    host_key: str
    greeting: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The newest probe of a host. address: "" where there was none. facts: what was seen, a sentence each."""

    host: str
    at: str
    port: int
    user: str
    situation: str
    what: str
    address: str
    source: str
    facts: tuple[str, ...]
    causes: tuple[str, ...]
    success: Success | None = None


def saved_of(seen: Observed, verdict: Verdict, facts: tuple[str, ...], before: Saved | None) -> Saved:
    """What is to be kept of a probe."""
    main = next((each for each in seen.addresses if each.address == verdict.address), None)
    success = before.success if before is not None else None
    opened = next((each for each in main.tries if each.answer is Answer.OPEN), None) if main is not None else None
    if verdict.situation.open and main is not None and opened is not None:
        text = main.greeting.text if main.greeting is not None else ""
        success = Success(_time(seen.at), main.address, opened.port, main.handshake.host_key, text)
    return Saved(
        seen.host, _time(seen.at), seen.client.port, seen.client.user, str(verdict.situation), verdict.what,
        verdict.address, main.source if main is not None else "", facts, verdict.causes, success,
    )  # fmt: skip


def changes(before: Saved | None, now: Saved) -> tuple[str, ...]:
    """What is different from the last time, a sentence each."""
    if before is None:
        return ()
    made = []
    if before.situation != now.situation or before.port != now.port:
        made.append(f"at {before.at} port {before.port} was: {before.situation}")
    if before.address and now.address and before.address != now.address:
        made.append(f"its address was {before.address} at {before.at}, and is {now.address}")
    if before.source and now.source and before.source != now.source:
        made.append(f"you came from {before.source} at {before.at}, and come from {now.source} now")
    old, new = before.success, now.success
    if old is not None and new is not None and new.at == now.at:
        if old.host_key and new.host_key and old.host_key != new.host_key:
            made.append(f"its host key was {old.host_key} at {old.at}, and is {new.host_key}")
        if old.greeting != new.greeting:
            made.append(f"its SSH server was {old.greeting} at {old.at}, and is {new.greeting}")
    elif old is not None:
        made.append(f"the last time that it let a probe in was {old.at}, at {old.address} port {old.port}")
    return tuple(made)


def remember(now: Saved) -> bool:
    """Keep it. False where that can't be done, which is no fault of the probe."""
    path = _path(now.host)
    told = {name: getattr(now, name) for name in now.__slots__ if name != "success"}
    if now.success is not None:
        told["success"] = {name: getattr(now.success, name) for name in now.success.__slots__}
    text = json.dumps({"schema": 1, **told}, indent=1)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(text)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        return False
    return True


def recall(host: str) -> Saved | None:
    """The last probe of `host`, or None."""
    found = _read(_path(host))
    return found if found is not None and found.host == host else None


def newest() -> Saved | None:
    """The last probe of any host."""
    try:
        files = [each for each in _folder().iterdir() if each.suffix == ".json"][:MOST_HOSTS]
    except OSError:
        return None
    found = [saved for each in files if (saved := _read(each)) is not None]
    return max(found, key=lambda each: each.at, default=None)


def _read(path: Path) -> Saved | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stream:
            data = stream.read(MOST + 1)
        if len(data) > MOST:
            return None
        told = json.loads(data)
        before = told.get("success")
        success = None
        if before:
            words = {name: _word(before, name) for name in ("at", "address", "host_key", "greeting")}
            success = Success(port=_port(before), **words)
        words = {name: _word(told, name) for name in ("host", "at", "user", "situation", "what", "address", "source")}
        return Saved(
            port=_port(told), facts=_words(told, "facts"), causes=_words(told, "causes"), success=success, **words
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _word(told: dict[str, object], name: str) -> str:
    value = told[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value[:2000]


def _words(told: dict[str, object], name: str) -> tuple[str, ...]:
    value = told[name]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(name)
    return tuple(each[:500] for each in value[:100])


def _port(told: dict[str, object]) -> int:
    value = told["port"]
    if type(value) is not int or not 0 < value < 65536:
        raise ValueError(value)
    return value


def _time(at: datetime) -> str:
    return at.astimezone().isoformat(timespec="seconds")


def _folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path("~").expanduser() / ".local/state"
    return base / "rescue" / "probes"


def _path(host: str) -> Path:
    # A name can hold anything, and be too long for a file's.
    return _folder() / (hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest()[:32] + ".json")
