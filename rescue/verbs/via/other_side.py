"""The other side: what it is, and the private folder in which it keeps what was sent, by digest.

Nothing half sent is ever started: a file is written under a name of its own, its size and digest are compared there,
and only then it gets the name that is looked for.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass

from rescue.text.numbers import size
from rescue.text.safe import cut, safe
from rescue.verbs.via.connection import Connection, answers, lost
from rescue.verbs.via.errors import ViaError

_PROBE = (
    "echo via:kernel=$(uname -s); echo via:machine=$(uname -m); echo via:from=${SSH_CONNECTION%% *}; "
    'echo via:python=$(python3 -c "import sys; print(sys.version.split()[0])" 2>/dev/null)'
)

_KEEP = """\
umask 077
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin
what=$1 digest=$2 size=$3 kind=$4
user=$(id -u) || exit 0
# safe DIRECTORY: whether nobody else can put another folder in the place of one that we make there
safe() {
    mode=$(ls -ldn -- "$1/." 2>/dev/null) || return 1
    case $mode in
        d????????[tT]*) ;;
        d????w*|d???????w*) return 1 ;;
    esac
    set -- $mode
    [ "$3" = 0 ] || [ "$3" = "$user" ]
}
# own DIRECTORY: whether it is a real folder of ours that nobody else may enter
own() {
    [ -d "$1" ] && [ ! -L "$1" ] || return 1
    mode=$(ls -ldn -- "$1" 2>/dev/null) || return 1
    case $mode in drwx------*) ;; *) return 1 ;; esac
    set -- $mode
    [ "$3" = "$user" ]
}
whole() {
    [ -f "$1" ] && [ ! -L "$1" ] || return 1
    set -- $(sha256sum < "$1" 2>/dev/null)
    [ "$1" = "$digest" ]
}
room() {
    free=$(df -Pk -- "$1" 2>/dev/null || df -Pk "$1" 2>/dev/null) || return 0
    set -- $(echo "$free" | tail -n 1)
    case ${4:-} in ''|*[!0-9]*) return 0 ;; esac
    [ "$4" -gt $((size / 1024 + 64)) ]
}
if ! command -v sha256sum >/dev/null 2>&1; then
    echo via:lacks=sha256sum
    exit 0
fi
for place in "${RESCUE_HOME:-}" /run /tmp /dev/shm "${HOME:-}"; do
    [ -n "$place" ] && [ -d "$place" ] && safe "$place" && own "$place/rescue-via-$user" || continue
    if whole "$place/rescue-via-$user/$digest.$kind"; then
        echo "via:kept=$place/rescue-via-$user/$digest.$kind"
        exit 0
    fi
done
[ "$what" = take ] || exit 0
new=
trap '[ -z "$new" ] || rm -f -- "$new"' EXIT
trap 'exit 1' HUP INT TERM
for place in "${RESCUE_HOME:-}" /run /tmp /dev/shm "${HOME:-}"; do
    [ -n "$place" ] || continue
    home=$place/rescue-via-$user
    if [ ! -d "$place" ]; then
        echo "via:tried=$place is not there"
    elif ! safe "$place"; then
        echo "via:tried=$place can be changed by other users"
    elif ! room "$place"; then
        echo "via:tried=$place has too little room"
    elif ! own "$home" && ! mkdir -m 700 -- "$home" 2>/dev/null; then
        if [ -e "$home" ] || [ -L "$home" ]; then
            echo "via:tried=$home is not a private folder of this user"
        else
            echo "via:tried=$place can not be written"
        fi
    elif ! own "$home"; then
        echo "via:tried=$home is not a private folder of this user"
    else
        new=$home/$digest.new$$
        if ! cat > "$new" 2>/dev/null; then
            echo "via:full=$place"
        elif [ "$(($(wc -c < "$new")))" -ne "$size" ]; then
            echo via:short=1
        elif ! whole "$new"; then
            echo via:damaged=1
        elif mv -f -- "$new" "$home/$digest.$kind" 2>/dev/null; then
            echo "via:kept=$home/$digest.$kind"
        fi
        exit 0
    fi
done
"""


@dataclass(frozen=True, slots=True)
class Side:
    """What answered. python: the version of its python3, "" where it has none; seen_as: where this ssh comes from."""

    host: str
    kernel: str
    machine: str
    python: str
    seen_as: str

    @property
    def runs_zip(self) -> bool:
        """Whether its Python can start a zip of this program."""
        parts = self.python.split(".")[:2]
        return len(parts) == 2 and all(part.isdecimal() for part in parts) and tuple(map(int, parts)) >= (3, 11)


def probed(connection: Connection) -> Side:
    """The other side. Raises ViaError where there is none that could run the program."""
    told = connection.asked(_PROBE)
    found = {name: values[-1] for name, values in answers(told).items()}
    if "machine" not in found:
        lines = [line.strip() for line in told.split("\n") if line.strip()]
        said = f": it says {safe(cut(lines[0], 120))!r}" if lines else ""
        raise ViaError(
            f"{connection.host} lets ssh in, but runs no commands{said}",
            "It needs an account with a shell (sh), as a rescue system's root has.",
        )
    side = Side(
        connection.host, found.get("kernel", ""), found["machine"], found.get("python", ""), found.get("from", "")
    )
    if side.kernel != "Linux":
        raise ViaError(
            f"{side.host} runs {safe(cut(side.kernel, 40)) or 'an unknown system'}, and the program needs Linux",
            "Boot the server into its provider's Linux rescue system.",
        )
    return side


def kept(
    connection: Connection, data: bytes, kind: str, name: str, *, progress: Callable[[str], None], bar: bool
) -> str:
    """The path there of a file with `data`, which is sent if it is not there. Raises ViaError."""
    digest = hashlib.sha256(data).hexdigest()
    words = (digest, str(len(data)), kind)
    told = answers(connection.asked(_KEEP, "look", *words))
    if "kept" not in told and "lacks" not in told:
        progress(f"sending {name} ({size(len(data))}) to {connection.host}")
        moving = _Bar(len(data), shown=bar and sys.stderr.isatty())
        try:
            told = answers(connection.sent(data, moving.moved, _KEEP, "take", *words))
        finally:
            moving.done()
    if "kept" in told:
        return told["kept"][-1]
    raise _not_kept(connection.host, name, len(data), told)


def _not_kept(host: str, name: str, length: int, told: dict[str, list[str]]) -> ViaError:
    if "lacks" in told:
        return ViaError(f"{host} has no sha256sum, with which it would check what was sent", "Install coreutils there.")
    if "short" in told or "damaged" in told:
        return ViaError(
            f"{name} did not arrive whole at {host}; it was removed there, and nothing was started",
            "Run the same command again.",
        )
    places = told.get("tried", []) + [f"{place} filled up" for place in told.get("full", [])]
    if not places:
        return lost(host, f"{name} did not arrive, and nothing was started there.")
    return ViaError(
        f"{host} has no place for {name} ({size(length)}): {safe(cut('; '.join(places), 500))}",
        "Make room in one of them, and run the same command again.",
    )


class _Bar:
    """How far a transfer is, on one line of a terminal."""

    def __init__(self, length: int, *, shown: bool) -> None:
        self._length, self._shown, self._last = length, shown, -1

    def moved(self, count: int) -> None:
        percent = 100 * count // max(1, self._length)
        if self._shown and percent != self._last:
            self._last = percent
            print(f"\r... {percent:3d} % of {size(self._length)}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        if self._shown and self._last >= 0:
            print(file=sys.stderr, flush=True)
