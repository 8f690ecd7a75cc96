"""PAM services made at random, and what our reading of them says: for `scripts/fuzz-pam` and its sample in the suite.

Each module answers what its line says (pam_debug, which Linux-PAM ships for that), so only the files and the way in
which answers combine are compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from rescue.pam.stacks import MODULES, Answer, Facility, Handler, read_service, run
from rescue.tree import Entry, Tree, directory, file

ORACLE = Path(__file__).with_name("pam_oracle.py")
NUMBERS = [
    "success", "open_err", "symbol_err", "service_err", "system_err", "buf_err", "perm_denied", "auth_err",
    "cred_insufficient", "authinfo_unavail", "user_unknown", "maxtries", "new_authtok_reqd", "acct_expired",
    "session_err", "cred_unavail", "cred_expired", "cred_err", "no_module_data", "conv_err", "authtok_err",
    "authtok_recover_err", "authtok_lock_busy", "authtok_disable_aging", "try_again", "ignore", "abort",
    "authtok_expired", "module_unknown", "bad_item", "conv_again", "incomplete",
]  # fmt: skip
"""The answers' names by PAM's numbers (_pam_types.h)."""
USUAL = ("success", "auth_err", "ignore", "new_authtok_reqd", "perm_denied", "user_unknown", "acct_expired", "maxtries")
ACTIONS = ("ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3", "0")
ARGUMENTS = {
    Facility.AUTH: ("auth",), Facility.ACCOUNT: ("acct",), Facility.SESSION: ("open_session",),
    Facility.PASSWORD: ("prechauthtok", "chauthtok"),
}  # fmt: skip
STARTS_NOT = "nobody gets in"
PRESENT = ("pam_debug.so", "pam_permit.so")

Files = Mapping[str, str]


def made(seed: int) -> dict[str, str]:
    """A service "svc" with the files that it includes."""
    random = Random(seed)
    names = ["svc", *random.sample(["one", "two", "three"], random.randint(0, 3))]
    files = {name: _text(random, names, at) for at, name in enumerate(names)}
    for name, text in files.items():
        # Behind a line that ends in a backslash PAM 1.5 reads on over empty lines and comments, and 1.7 does not.
        files[name] = text.replace("\\\n\n", "\n").replace("\\\n#", "\n#")
    for name in names[1:]:
        # In a file that a line of one stack includes, Debian's libpam takes the previous line's control for this one.
        files[name] = files[name].replace("@include nowhere\n", "")
    if random.random() < 0.2:
        files["other"] = "".join(_line(random, []) for _ in range(3))
    return files


def _text(random: Random, names: list[str], at: int) -> str:
    # No file includes itself: there libpam runs out of its stack, and dies.
    below = names[at + 1 :]
    return "".join(_line(random, below) for _ in range(random.randint(0 if at else 1, 7)))


def _line(random: Random, below: list[str]) -> str:
    kind = random.random()
    facility = random.choice(list(Facility))
    if kind < 0.12 and below:
        return f"{facility} {random.choice(('include', 'substack'))} {random.choice(below)}\n"
    if kind < 0.15 and below:
        return f"@include {random.choice(below)}\n"
    if kind < 0.22:
        return _odd(random, facility)
    dash = "-" if random.random() < 0.05 else ""
    space = random.choice((" ", "\t", "  "))
    return f"{dash}{facility}{space}{_control(random)}{space}{_module(random, facility)}\n"


def _odd(random: Random, facility: Facility) -> str:
    """A line that is seldom seen."""
    debug = _module(random, facility)
    return random.choice(
        [
            "# auth required pam_deny.so\n", "\n", f"{facility}\n", f"{facility} required\n",
            f"{facility.upper()} REQUIRED {debug}\n", f"{facility} requierd {debug}\n", f"atuh required {debug}\n",
            f"{facility} required \\\n  {debug}\n", f"{facility} [success=ok default=bad {debug}\n",
            f"{facility} [success=fine default=ok] {debug}\n", f"{facility} [succes=ok default=ignore] {debug}\n",
            f"{facility} required {debug} # a remark\n", f"{facility} [success=ok  default = die] {debug}\n",
            f"{facility} required {debug}\r\n", f"  {facility} required {debug}\n", f"{facility} [] {debug}\n",
            f"{facility} [SUCCESS=OK Default=Ignore] {debug}\n", f"{facility} [success=9 default=ignore] {debug}\n",
            f"{facility} [success=-1 default=ok] {debug}\n", f"{facility} include nowhere\n",
            f"{facility} substack nowhere\n", f"{facility} include\n", f"{facility} required pam_gone.so\n",
            f"{facility} required [{debug}]\n", f"{facility} required pam_debug.so [{debug.partition(' ')[2]}]\n",
            f"{facility} [default=ok success=bad] {debug}\n", f"{facility} required {debug} \\\n",
            f"{facility} required \\ {debug}\n", f"{facility} required {debug} # ends in \\\n",
            f"{facility} [default=bad success=ok] {debug}\n", f"{facility} [successok] {debug}\n",
            f"{facility} [success=okdefault=bad] {debug}\n", f"{facility} required[{debug}]\n",
        ] + ["@include nowhere\n"] * (random.random() < 0.1)
    )  # fmt: skip


def _control(random: Random) -> str:
    if random.random() < 0.6:
        return random.choice(("required", "requisite", "sufficient", "optional", "required"))
    named = random.sample(USUAL, random.randint(1, 3))
    pairs = [f"{name}={random.choice(ACTIONS)}" for name in named]
    if random.random() < 0.8:
        pairs.append(f"default={random.choice(ACTIONS)}")
    return f"[{' '.join(pairs)}]"


def _module(random: Random, facility: Facility) -> str:
    if random.random() < 0.03:
        return random.choice(("pam_gone.so", "pam_permit.so"))
    answer = "success" if random.random() < 0.45 else random.choice(USUAL if random.random() < 0.9 else NUMBERS)
    return "pam_debug.so " + " ".join(f"{name}={answer}" for name in ARGUMENTS[facility])


def said(files: Files) -> dict[str, str]:
    """What our reading says, by facility."""
    modules = next(each for each in MODULES if "x86_64" in each)
    entries: dict[str, Entry | str | bytes] = {f"/etc/pam.d/{name}": text for name, text in files.items()}
    entries["/etc/pam.d"] = directory()
    entries |= {f"{modules}/{name}": file("ELF") for name in PRESENT}
    tree = Tree.of(entries)
    service = read_service(tree, "svc")
    other = read_service(tree, "other")
    assert service is not None
    if service.broken is not None:
        return dict.fromkeys(map(str, Facility), STARTS_NOT)
    if other is not None and other.broken is not None:
        return dict.fromkeys(map(str, Facility), STARTS_NOT)
    found = {}
    for facility in Facility:
        stack = service.stack(facility) or (other.stack(facility) if other is not None else ())
        answer = next((each for each in _answers(stack, facility) if each is not Answer.SUCCESS), Answer.SUCCESS)
        found[str(facility)] = "perm_denied" if answer is Answer.MUST_FAIL else str(answer)
    return found


def _answers(stack: tuple[Handler, ...], facility: Facility) -> Iterator[Answer]:
    """The stack's answer in each of its phases: a password is changed in two."""
    for name in ARGUMENTS[facility]:
        yield run(stack, partial(_asked, name=name)).answer


def _asked(handler: Handler, name: str) -> Answer:
    if handler.module.rpartition("/")[2] not in PRESENT:
        return Answer.MODULE_UNKNOWN
    if handler.name == "pam_permit":
        return Answer.SUCCESS
    words = dict(word.partition("=")[::2] for word in reversed(handler.arguments))  # the first counts
    answer = words.get(name, "success")
    return Answer(answer) if answer in NUMBERS else Answer.SUCCESS


def seen(cases: Sequence[Files], root: Path | None = None) -> list[dict[str, str]]:
    """What libpam says: this machine's, or that of another root, which has a Python."""
    python = [sys.executable] if root is None else ["chroot", str(root), "/usr/bin/python3"]
    script = 'mount -t tmpfs none "$1/etc/pam.d" && shift && exec "$@"'
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(root or ""), *python, "-c", ORACLE.read_text()],
        input=json.dumps(list(cases)), capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    return [{facility: _named(number) for facility, number in answer.items()} for answer in json.loads(ran.stdout)]


def _named(number: int) -> str:
    if number < 0:
        return STARTS_NOT
    return NUMBERS[number] if number < len(NUMBERS) else STARTS_NOT


@dataclass(frozen=True)
class Difference:
    """A service of which libpam says something else."""

    seed: int
    files: Files
    said: Mapping[str, str]
    seen: Mapping[str, str]


def differences(seeds: range, root: Path | None = None) -> Iterator[Difference]:
    """The seeds in which our reading and libpam's differ."""
    cases = [made(seed) for seed in seeds]
    for seed, files, real in zip(seeds, cases, seen(cases, root), strict=True):
        ours = said(files)
        if ours != real:
            yield Difference(seed, files, ours, real)


def main() -> int:
    """``scripts/fuzz-pam``: a long sweep; 1 if our reading and libpam's differ."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--count", type=int, default=5000)
    options.add_argument("--start", type=int, default=0)
    options.add_argument("--root", type=Path, help="another root with a Python and a libpam, in place of this machine")
    given = options.parse_args()
    found = list(differences(range(given.start, given.start + given.count), given.root))
    for each in found:
        differing = {name: (word, each.seen[name]) for name, word in each.said.items() if word != each.seen[name]}
        print(f"seed {each.seed}: said and seen: {differing}")
        for name, text in each.files.items():
            print(f"  {name}: {text!r}")
    print(f"seeds {given.start} to {given.start + given.count - 1}: {len(found)} of {given.count} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
