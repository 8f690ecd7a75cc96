"""Which methods this sshd offers to a user: what the client prints in "Permission denied (publickey,password)."

Source: authmethods and authmethods_get in auth2.c; the order is that of the array.
"""

from __future__ import annotations

from rescue.sshd.effective import Effective

METHODS = {
    "publickey": "PubkeyAuthentication",
    "gssapi-keyex": "GSSAPIAuthentication",
    "gssapi-with-mic": "GSSAPIAuthentication",
    "password": "PasswordAuthentication",
    "keyboard-interactive": "KbdInteractiveAuthentication",
    "hostbased": "HostbasedAuthentication",
}
"""The setting that enables each. gssapi-keyex is Debian's and Red Hat's, with the patch for GSSAPIKeyExchange."""


def offered(effective: Effective) -> tuple[str, ...]:
    """The methods, in the order in which sshd names them; the first of each list of AuthenticationMethods, if set."""
    lists = effective.words("AuthenticationMethods")
    begin = {each.split(",")[0].partition(":")[0] for each in lists} if lists not in ((), ("any",)) else None
    found = (method for method, keyword in METHODS.items() if effective.words(keyword) == ("yes",))
    patched = _patched(effective)
    return tuple(
        method for method in found if (begin is None or method in begin) and (patched or method != "gssapi-keyex")
    )


def _patched(effective: Effective) -> bool:
    return effective.dialect.distro not in effective.dialect.keyword("GSSAPIKeyExchange").lacking


def denied(effective: Effective, user: str) -> str | None:
    """The client's error after the last method failed; None if sshd offers none, and ends the connection instead."""
    methods = offered(effective)
    return f"{user}@SERVER: Permission denied ({','.join(methods)})." if methods else None
