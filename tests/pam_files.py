"""PAM's files of a Debian 12 server as far as a login over SSH asks them, for literal trees."""

from __future__ import annotations

from rescue.tree import Entry, file

MODULES = "/usr/lib/x86_64-linux-gnu/security"

SSHD = """\
# PAM configuration for the Secure Shell service
@include common-auth
account    required     pam_nologin.so
# account  required     pam_access.so
@include common-account
session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so close
session    required     pam_loginuid.so
@include common-session
"""

COMMON_ACCOUNT = """\
account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so
account\trequisite\t\t\tpam_deny.so
account\trequired\t\t\tpam_permit.so
"""

COMMON_AUTH = """\
auth\t[success=1 default=ignore]\tpam_unix.so nullok
auth\trequisite\t\t\tpam_deny.so
auth\trequired\t\t\tpam_permit.so
"""

PAM: dict[str, Entry | str | bytes] = {
    "/etc/pam.d/sshd": SSHD,
    "/etc/pam.d/common-auth": COMMON_AUTH,
    "/etc/pam.d/common-account": COMMON_ACCOUNT,
    "/etc/pam.d/common-session": "session\trequired\tpam_permit.so\nsession\toptional\tpam_gone.so\n",
    **{
        f"{MODULES}/pam_{name}.so": file("ELF", 0o644)
        for name in ("access", "deny", "loginuid", "nologin", "permit", "unix")
    },
}


def with_pam(**changed: str) -> dict[str, Entry | str | bytes | None]:
    """The files with some replaced: ``sshd=...``, ``common_account=...``."""
    return {**PAM, **{f"/etc/pam.d/{name.replace('_', '-')}": text for name, text in changed.items()}}
