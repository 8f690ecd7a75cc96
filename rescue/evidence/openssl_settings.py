"""Whether OpenSSL's settings leave sshd its algorithms.

Decides: openssl.cnf, which every program that uses OpenSSL reads at start. If it activates providers by name, the
default one must be among them: else there are no algorithms, and sshd exits at once. FIPS and engines need additional
files.

Not judged: what any such setting leaves available.

Supply: put a # before the line, or add "activate = 1" to the default provider's section; openssl list -providers in a
shell on the server lists what is available.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.model import Gap, Location, Step
from rescue.tree import Read

STEP = Step.SERVICE
FILES = ("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf")
READS = tuple(Read(path, depth=0) for path in FILES)

MOST_LINES = 20_000
DECIDE = frozenset({"fips_mode", "default_properties", "engines", "dynamic_path", "engine_id", "alg_section"})
STOCK_VALUES = frozenset({("default_properties", ""), ("alg_section", "evp_properties")})
YES = frozenset({"1", "yes", "true", "on"})


def find(facts: Facts) -> Iterator[Gap]:
    for path in FILES:
        place = _decisive(facts.tree.text(path) or "", PurePosixPath(path))
        if place is not None:
            what = f"whether OpenSSL leaves sshd its algorithms ({place}: {place.text.strip()[:60]})"
            yield Gap("openssl-settings", STEP, what, "put a # before the line, and try", locations=(place,))


def _decisive(text: str, path: PurePosixPath) -> Location | None:
    """The first line that may remove algorithms."""
    section = ""
    providers: dict[str, str] = {}
    activated: dict[str, Location] = {}
    for number, line in enumerate(islice(text.split("\n"), MOST_LINES), 1):
        words = line.partition("#")[0].strip()
        place = Location(path, number, line[:200])
        if words.startswith("["):
            section = words.strip("[] \t")
            continue
        key, equals, value = (part.strip() for part in words.partition("="))
        if not equals:
            continue
        key = key.rpartition(".")[2]
        if key in DECIDE and (key, value) not in STOCK_VALUES:
            return place
        if key == "activate" and value.lower() in YES:
            activated.setdefault(section, place)
        elif key in ("default", "base", "legacy", "fips"):
            providers.setdefault(key, value)
    if not activated or providers.get("default") in activated:
        return None
    return next(iter(activated.values()))
