"""The screens, whole: 80 columns, ASCII, words that a beginner understands."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import PurePosixPath

import pytest

from rescue.examine import Examination, examine
from rescue.login_path import login_path
from rescue.model import Client, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Action, Entry
from rescue.ui.report import Report, command, console
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

BROKEN = """\
disk.img (libguestfs): Debian GNU/Linux 12 (bookworm) on lab
Judged for user root, alice, from any address, to port 22.

The path to a login:
   1  boot      not judged  whether the machine boots completely
   2  disk      ok
   3  network   not judged  whether the network comes up with the provider's
                            address
   4  service   BROKEN      sshd-config-error
   5  listen    not judged  nothing can be said before sshd-config-error is
                            mended
   6  firewall  ok
   7  accept    not judged  nothing can be said before sshd-config-error is
                            mended
   8  account   BROKEN      nologin
   9  key       not judged  whether root's one key is yours (and 2 more)
  10  session   not judged  nothing can be said before sshd-config-error is
                            mended

What you see from outside:
  ssh: connect to host SERVER port 22: Connection refused

1. sshd-config-error  (step 4, service, broken)
   sshd does not start: unknown keyword PermitRootLogn. See
   /etc/ssh/sshd_config:1.
     /etc/ssh/sshd_config:1
         PermitRootLogn yes
   Repair: correct PermitRootLogn to PermitRootLogin (/etc/ssh/sshd_config:1)
   Repair: comment out the line PermitRootLogn yes (/etc/ssh/sshd_config:1)
   In a web console, by hand: rescue console 1

2. nologin  (step 8, account, broken)
   /etc/nologin exists, so only root can log in; it blocks alice.
     /etc/nologin:1
         closed
   Repair: remove /etc/nologin
   In a web console, by hand: rescue console 2

  root   can't log in: see 1
  alice  can't log in: see 1, 2

Not judged:
  boot      whether the machine boots completely (watch the provider's console)
  network   whether the network comes up with the provider's address (compare it
            with the provider's panel)
  listen    nothing can be said before sshd-config-error is mended
  accept    nothing can be said before sshd-config-error is mended
  account   nothing can be said before sshd-config-error is mended
  key       whether root's one key is yours (--key FILE)
  key       whether alice's one key is yours (--key FILE)
  key       nothing can be said before sshd-config-error is mended
  and 1 more (--json lists them all)

What to do next:
  rescue fix disk.img
      shows every change before it is made, and asks
  rescue explain sshd-config-error
      what happened, in full
"""

CLEAR = """\
/mnt (directory): Debian GNU/Linux 12 (bookworm) on lab
Judged for user alice, from 192.0.2.7, to port 22.

The path to a login:
   1  boot      not judged  whether the machine boots completely
   2  disk      ok          file systems have room and can be written
   3  network   not judged  whether the network comes up with the provider's
                            address
   4  service   ok          the SSH server starts at boot
   5  listen    ok          it listens on the port that you dial
   6  firewall  ok          the firewall lets new connections in
   7  accept    ok          the SSH server talks to your client
   8  account   ok          the user may log in
   9  key       ok          the key is found and trusted
  10  session   ok          a shell starts

Nothing wrong found, but not everything that decides could be judged (see
below).
If you still can't get in, look at what can't be seen from this disk: the
provider's own firewall (security group), the address you connect to, and your
own network.

  alice  nothing wrong found; keys taken:
         SHA256:3NlRZOYLFK1UoohHD1LIjLdZF0okBJmrPkHfZ8M3SUM (alice@laptop)

Not judged:
  boot      whether the machine boots completely (watch the provider's console)
  network   whether the network comes up with the provider's address (compare it
            with the provider's panel)

"""


def screen(examination: Examination, name: str, method: str, *, every: bool = False) -> str:
    """What inspect prints."""
    out = StringIO()
    report = Report(console(out))
    report.heading(examination, name, method)
    report.path(examination, every=every)
    report.findings(examination)
    report.next_steps(examination, name)
    return out.getvalue()


def judged(changes: dict[str, Entry | str | bytes] | None = None, client: Client | None = None) -> Examination:
    return examine(server(changes or {}), client or Client())


def made(*findings: Finding) -> Examination:
    """An examination that found exactly `findings`."""
    return replace(judged(), path=login_path(findings, Step))


def finding(check: str, **more: object) -> Finding:
    whole: dict[str, object] = {
        "check": check, "step": Step.SERVICE, "severity": Severity.BROKEN, "message": "It is broken.",
        "symptom": Symptom.REFUSED, **more,
    }  # fmt: skip
    return Finding(**whole)  # type: ignore[arg-type]  # a literal table of its fields


def fits(text: str) -> None:
    """Nothing is wider than a console, nothing ends in blanks, nothing is not ASCII."""
    assert text.isascii()
    assert [line for line in text.split("\n") if len(line) > 80 or line != line.rstrip()] == []


def test_a_broken_server() -> None:
    both = judged({"/etc/ssh/sshd_config": "PermitRootLogn yes\n", "/etc/nologin": "closed\n"})
    assert screen(both, "disk.img", "libguestfs") == BROKEN
    fits(BROKEN)


def test_a_healthy_server_with_all_that_holds() -> None:
    from ipaddress import ip_address

    clear = judged(client=Client("alice", (ip_address("192.0.2.7"),), key=KEY))
    assert screen(clear, "/mnt", "directory", every=True) == CLEAR
    fits(CLEAR)


def test_a_step_with_many_causes_is_wrapped_under_itself() -> None:
    causes = ("file-too-large", "hostkeys-missing", "hostkeys-perms", "sshd-config-error", "sshd-disabled")
    text = screen(made(*(finding(each) for each in causes)), "/mnt", "directory")
    fits(text)
    assert "   4  service   BROKEN      file-too-large, hostkeys-missing, hostkeys-perms,\n" in text
    assert "\n" + " " * 28 + "sshd-config-error, sshd-disabled\n" in text


def test_a_doubtful_finding_says_why() -> None:
    doubtful = finding("sshd-masked", severity=Severity.DOUBTFUL, reason="the unit could not be read")
    text = screen(made(doubtful), "/mnt", "directory")
    assert "DOUBTFUL    sshd-masked" in text
    assert "Not sure: the unit could not be read" in text
    assert "perhaps: ssh: connect to host" in text


def test_a_finding_that_only_a_person_can_mend_is_not_given_to_fix() -> None:
    text = screen(made(finding("account-missing", repairs=(Repair("log in", Safety.MANUAL),))), "/mnt", "directory")
    assert "Repair: log in (by hand)" in text
    assert "rescue fix" not in text
    assert "rescue explain account-missing" in text


def test_what_a_repair_weakens_is_said() -> None:
    way = Repair("open it", Safety.UNSAFE, edit=lambda tree: tree, weakens="everybody gets in")
    text = screen(made(finding("fw-allowlist", repairs=(way,))), "/mnt", "directory")
    assert "Repair: open it (needs --unsafe)" in text
    assert "It weakens: everybody gets in" in text


def test_a_hostile_name_does_not_drive_the_terminal() -> None:
    evil = "a\x1b[2J\u202eb\x07"
    at = Location(PurePosixPath(f"/{evil}"), 3, f"{evil}{'x' * 200}")
    way = Repair(f"remove {evil}", Safety.SAFE, edit=lambda tree: tree)
    found = finding("nologin", message=f"Look at {evil}.", locations=(at,), repairs=(way,), subject=evil)
    text = screen(made(found), evil, "directory")
    fits(text)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_more_locations_than_a_screen_holds_are_counted() -> None:
    many = tuple(Location(PurePosixPath(f"/etc/{number}")) for number in range(9))
    assert "and 3 more places" in screen(made(finding("nologin", locations=many)), "/mnt", "directory")


def test_a_command_can_be_typed_as_it_is_printed() -> None:
    assert command("fix", "/mnt/my server", "--user", "o neill") == "rescue fix '/mnt/my server' --user 'o neill'"
    assert command("undo", "/dev/vda") == "rescue undo /dev/vda"
    assert "\x1b" not in command("fix", "\x1b[2J")


def test_paths_are_listed_with_words_for_people() -> None:
    out = StringIO()
    paths = [(Action.METADATA, PurePosixPath("/home/alice")), (Action.REPLACE, PurePosixPath("/etc/passwd"))]
    Report(console(out)).paths([*paths, *paths * 10])
    assert out.getvalue().split("\n")[:2] == ["  permissions /home/alice", "  change      /etc/passwd"]
    assert out.getvalue().endswith("  and 2 more\n")


def test_steps_that_are_sentences_are_wrapped_and_commands_are_not() -> None:
    command_line = "iptables -I INPUT 1 -s 198.51.100.7/32 -p tcp -m tcp --dport 22 -m state --state NEW -j ACCEPT"
    sentence = "Read the script from its beginning to its end, and put this line behind all of its other commands."
    by_hand = Repair("by hand", Safety.MANUAL, steps=f"{sentence}\n{command_line}")
    text = screen(made(finding("firewall-not-read", repairs=(by_hand,))), "disk.img", "libguestfs")
    assert "     " + command_line in text.split("\n")
    fits(text.replace("     " + command_line, ""))
    assert sentence in " ".join(text.split())


def test_of_many_accounts_those_that_are_kept_out_are_named() -> None:
    names = [f"u{number}" for number in range(10)]
    alone = finding("nologin", step=Step.ACCOUNT, users=("u8",))
    shown = screen(replace(judged(), path=login_path([alone], Step, (), names)), "x", "y")
    assert "  u8  can't log in" in shown
    assert "and 2 more accounts" in shown
    assert "and 1 more account (" in screen(replace(judged(), path=login_path([alone], Step, (), names[:9])), "x", "y")
