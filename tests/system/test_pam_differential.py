"""Our reading of PAM's files against the real libpam, for services made at random: a sample of `scripts/fuzz-pam`."""

from __future__ import annotations

import pytest

from tests.system.pam_cases import Files, differences, said, seen

pytestmark = pytest.mark.system

ALLOW = "account required pam_debug.so acct=success\n"
FOUND: list[Files] = [
    # A substack is one line to a jump before it, and ends where it says "done" or "die".
    {"svc": f"account [success=1 default=bad] pam_permit.so\naccount substack one\n{ALLOW}",
     "one": "account requisite pam_debug.so acct=auth_err\n" * 2},
    {"svc": f"account substack one\naccount required pam_debug.so acct=acct_expired\n{ALLOW}",
     "one": "account sufficient pam_permit.so\n"},
    # A jump beyond the end refuses, and the lines behind it go on where it is a substack's end.
    {"svc": f"account substack one\n{ALLOW}", "one": "account [default=2] pam_permit.so\n"},
    # An include that leads nowhere spoils its own stack, unless an earlier line is enough; "@include" spoils all.
    {"svc": f"account sufficient pam_permit.so\naccount include nowhere\nsession {ALLOW[8:]}"},
    {"svc": f"@include nowhere\n{ALLOW}"},
    {"svc": "account include one\nsession required pam_permit.so\n", "one": "@include nowhere\n"},
    # The words of a control count in small letters alone, and may be cut short by nothing.
    {"svc": "account [Success=ok default=ignore] pam_permit.so\n"},
    {"svc": "account [success=okdefault=bad] pam_permit.so\n"},
    {"svc": "account [success=0 default=ok] pam_permit.so\n"},
    # What is no kind of line is an auth line that fails.
    {"svc": "auth required pam_permit.so\natuh required pam_permit.so\n"},
    {"svc": f"{ALLOW}auth required pam_permit.so \\\n"},
    {"svc": ALLOW, "other": "@include nowhere\n"},
]  # fmt: skip


@pytest.mark.parametrize("files", FOUND)
def test_what_once_differed(files: Files) -> None:
    assert [said(files)] == seen([files])


def test_services_made_at_random() -> None:
    assert list(differences(range(400))) == []
