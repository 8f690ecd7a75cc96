"""PAM's files as Red Hat, SUSE and Ubuntu ship them: a healthy server of theirs has no finding."""

from __future__ import annotations

import pytest

from rescue.model import Client
from rescue.tree import Entry, Tree, file
from tests.checking import causes
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

RHEL = {
    "sshd": """\
#%PAM-1.0
auth       substack     password-auth
auth       include      postlogin
account    required     pam_sepermit.so
account    required     pam_nologin.so
account    include      password-auth
password   include      password-auth
# pam_selinux.so close should be the first session rule
session    required     pam_selinux.so close
session    required     pam_loginuid.so
session    required     pam_selinux.so open env_params
session    required     pam_namespace.so
session    optional     pam_keyinit.so force revoke
session    include      password-auth
session    include      postlogin
""",
    "password-auth": """\
auth        required                                     pam_env.so
auth        required                                     pam_faillock.so preauth silent
auth        sufficient                                   pam_unix.so nullok
auth        [default=1 ignore=ignore success=ok]         pam_usertype.so isregular
auth        sufficient                                   pam_sss.so forward_pass
auth        required                                     pam_faillock.so authfail
auth        required                                     pam_deny.so
account     required                                     pam_faillock.so
account     required                                     pam_unix.so
account     sufficient                                   pam_localuser.so
account     sufficient                                   pam_usertype.so issystem
account     [default=bad success=ok user_unknown=ignore] pam_sss.so
account     required                                     pam_permit.so
session     optional                                     pam_keyinit.so revoke
session     required                                     pam_limits.so
-session    optional                                     pam_systemd.so
session     [success=1 default=ignore]                   pam_succeed_if.so service in crond quiet use_uid
session     required                                     pam_unix.so
session     optional                                     pam_sss.so
""",
    "postlogin": """\
session     optional                   pam_umask.so silent
session     [success=1 default=ignore] pam_succeed_if.so service !~ gdm* service !~ su* quiet
session     [default=1]                pam_lastlog.so nowtmp showfailed
session     optional                   pam_lastlog.so silent noupdate showfailed
""",
}
OLD_RHEL = {
    **RHEL,
    "password-auth": """\
auth        required      pam_env.so
auth        sufficient    pam_unix.so nullok try_first_pass
auth        requisite     pam_succeed_if.so uid >= 1000 quiet_success
auth        required      pam_deny.so
account     required      pam_unix.so
account     sufficient    pam_localuser.so
account     sufficient    pam_succeed_if.so uid < 1000 quiet
account     required      pam_permit.so
session     optional      pam_keyinit.so revoke
session     required      pam_limits.so
session     [success=1 default=ignore] pam_succeed_if.so service in crond quiet use_uid
session     required      pam_unix.so
""",
}
SUSE = {
    "sshd": """\
auth        requisite   pam_nologin.so
auth        include     common-auth
account     requisite   pam_nologin.so
account     include     common-account
password    include     common-password
session     required    pam_loginuid.so
session     include     common-session
session     optional    pam_lastlog.so   silent noupdate showfailed
session     optional    pam_keyinit.so   force revoke
""",
    "common-auth": "auth\trequired\tpam_env.so\nauth\trequired\tpam_unix.so\ttry_first_pass\n",
    "common-account": "account\trequired\tpam_unix.so\ttry_first_pass\n",
    "common-password": "password\trequired\tpam_unix.so\tuse_authtok nullok\n",
    "common-session": "session\trequired\tpam_limits.so\nsession\trequired\tpam_unix.so\n"
    "session optional pam_systemd.so\n",
}
UBUNTU = {
    "sshd": """\
@include common-auth
account    required     pam_nologin.so
@include common-account
session [success=ok ignore=ignore module_unknown=ignore default=bad]        pam_selinux.so close
session    required     pam_loginuid.so
session    optional     pam_keyinit.so force revoke
@include common-session
session    optional     pam_motd.so  motd=/run/motd.dynamic
session    optional     pam_mail.so standard noenv
session    required     pam_limits.so
session    required     pam_env.so user_readenv=1 envfile=/etc/default/locale
@include common-password
""",
    "common-auth": "auth [success=2 default=ignore] pam_unix.so nullok\nauth [success=1 default=ignore] pam_sss.so\n"
    "auth requisite pam_deny.so\nauth required pam_permit.so\n",
    "common-account": "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
    "account requisite pam_deny.so\naccount required pam_permit.so\naccount sufficient pam_localuser.so\n"
    "account [default=bad success=ok user_unknown=ignore] pam_sss.so\n",
    "common-password": "password [success=1 default=ignore] pam_unix.so\npassword requisite pam_deny.so\n",
    "common-session": "session [default=1] pam_permit.so\nsession requisite pam_deny.so\n"
    "session required pam_permit.so\nsession optional pam_umask.so\nsession required pam_unix.so\n"
    "session optional pam_systemd.so\n",
}
NAMES = (
    "access", "deny", "env", "faildelay", "faillock", "keyinit", "lastlog", "limits", "localuser", "loginuid", "mail",
    "motd", "namespace", "nologin", "permit", "selinux", "sepermit", "sss", "succeed_if", "systemd", "umask", "unix",
    "usertype",
)  # fmt: skip
LIMITS = "#*               soft    core            0\n# End of file\n"


def shipped(stacks: dict[str, str]) -> Tree:
    files: dict[str, Entry | str | bytes | None] = {f"/etc/pam.d/{name}": text for name, text in stacks.items()}
    modules: dict[str, Entry | str | bytes | None] = {f"/usr/lib64/security/pam_{name}.so": file("E") for name in NAMES}
    return server({**files, **modules, "/etc/security/limits.conf": LIMITS, "/etc/security/access.conf": "# none\n"})


@pytest.mark.parametrize("stacks", [RHEL, OLD_RHEL, SUSE, UBUNTU], ids=["RHEL", "older RHEL", "SUSE", "Ubuntu"])
@pytest.mark.parametrize("client", [Client(), Client(user="alice", key=KEY), Client(user="root")])
def test_what_distributions_ship_lets_people_in(stacks: dict[str, str], client: Client) -> None:
    assert causes(shipped(stacks), client) == []
