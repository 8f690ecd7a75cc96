"""What to type in a provider's web console to mend a cause by hand: short, and typable on a console that mangles keys.

Bad consoles lose ``| > $ _ -`` and upper case (docs of several providers warn of it). Commands here have lower-case
letters, digits, spaces and ``/ . -``. Where a file's name has another letter, `tab` says to press Tab instead, and a
line to change is described for nano, where Ctrl-K deletes a line. What the person has to fill in is in capitals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

TYPABLE = re.compile(r"[a-z0-9 /.-]+")
"""What passes a bad console."""


class System(StrEnum):
    """Families that differ in what is typed."""

    DEBIAN = "debian"
    """Debian, Ubuntu and what is made from them."""
    REDHAT = "redhat"
    """RHEL, Alma, Rocky, CentOS, Fedora."""
    SUSE = "suse"
    ARCH = "arch"


def system_of(id_: str, like: str = "") -> System:
    """By ID and ID_LIKE of os-release(5); Debian where it is unknown."""
    words = {id_, *like.split()}
    if words & {"rhel", "fedora", "centos", "almalinux", "rocky", "amzn", "ol"}:
        return System.REDHAT
    if words & {"suse", "opensuse", "sles", "opensuse-leap", "opensuse-tumbleweed"}:
        return System.SUSE
    return System.ARCH if words & {"arch", "archlinux", "manjaro"} else System.DEBIAN


@dataclass(frozen=True, slots=True)
class Typed:
    """One line to type. tab: press Tab after it, for what can't be typed. change: what to do in the editor.
    shows: what is printed when it worked. only: the systems that it is for; () for all."""

    text: str
    shows: str = ""
    tab: bool = False
    change: str = ""
    only: tuple[System, ...] = ()


@dataclass(frozen=True, slots=True)
class ByHand:
    """A way by hand. check: how to see that it worked. note: what it costs, or what to look out for."""

    causes: tuple[str, ...]
    steps: tuple[Typed, ...]
    check: Typed
    note: str = ""


_DEBIAN, _OTHERS = (System.DEBIAN,), (System.REDHAT, System.SUSE, System.ARCH)
_SAVE = "save with Ctrl-O and Enter, leave with Ctrl-X"


def _sshd(change: str) -> tuple[Typed, ...]:
    """Change a line of sshd's settings, test them, start it anew."""
    return (
        Typed("nano /etc/ssh/sshd", tab=True, change=f"the file is sshd_config: {change}; {_SAVE}"),
        Typed("/usr/sbin/sshd -t", "nothing: the settings are right; else the file and the line that are wrong"),
        *_RESTART,
    )


_RESTART = (
    Typed("systemctl restart ssh", "nothing", only=_DEBIAN),
    Typed("systemctl restart sshd", "nothing", only=_OTHERS),
)
_RUNS = Typed("ss -lnt", "a line with :PORT under Local Address")
_UFW = Typed("ufw status", "Status: active, and a line with PORT and ALLOW")

WAYS = (
    ByHand(("ufw-no-ssh-rule", "ufw-port-mismatch"), (
        Typed("ufw allow PORT/tcp", "Rule added"), Typed("ufw reload", "Firewall reloaded")), _UFW),
    ByHand(("ufw-rule-order",), (
        Typed("ufw insert 1 allow PORT/tcp", "Rule inserted"), Typed("ufw reload", "Firewall reloaded")), _UFW),
    ByHand(("ufw-ipv6-off",), (
        Typed("nano /etc/default/ufw", change=f"write yes in place of no in the line IPV6=no; {_SAVE}"),
        Typed("ufw reload", "Firewall reloaded")), Typed("ufw status", "lines with (v6)")),
    ByHand(("ufw-rules-broken",), (
        Typed("ufw reload", "the table and the line that is wrong"),
        Typed("nano /etc/ufw/user.rules", change=f"delete the line that is wrong with Ctrl-K; {_SAVE}"),
        Typed("ufw reload", "Firewall reloaded")), _UFW, "it may be before.rules or after.rules in the same folder"),
    ByHand(("firewalld-no-ssh", "firewalld-zone"), (
        Typed("firewall-cmd --add-port PORT/tcp", "success"),
        Typed("firewall-cmd --runtime-to-permanent", "success")),
        Typed("firewall-cmd --list-ports", "PORT/tcp"), "it opens the port in the default zone"),
    ByHand(("nft-drop",), (
        Typed("nft list ruleset", "the tables; the names behind table and chain are needed next"),
        Typed("nft insert rule inet filter input tcp dport PORT accept", "nothing"),
        Typed("nano /etc/nftables.conf", change="write the line tcp dport PORT accept as the first of the chain input; "
              + _SAVE)),
        Typed("nft list chain inet filter input", "tcp dport PORT accept, first"),
        "inet, filter and input are the usual names of the family, the table and the chain: type yours"),
    ByHand(("fw-policy-drop", "fw-allowlist", "fw-rules-port", "fw-reply-blocked"), (
        Typed("nano /etc/iptables/rules.v4", change="above the first line that begins with -A INPUT write "
              f"-A INPUT -p tcp --dport PORT -j ACCEPT; {_SAVE}", only=_DEBIAN),
        Typed("iptables-restore /etc/iptables/rules.v4", "nothing", only=_DEBIAN),
        Typed("nano /etc/sysconfig/iptables", change="above the first line that begins with -A INPUT write "
              f"-A INPUT -p tcp --dport PORT -j ACCEPT; {_SAVE}", only=_OTHERS),
        Typed("iptables-restore /etc/sysconfig/iptables", "nothing", only=_OTHERS)),
        Typed("iptables-save", "your line, above the others of INPUT"),
        "capitals are needed within the file: where the console mangles them, use the rescue system"),
    ByHand(("fail2ban-ban",), (
        Typed("fail2ban-client unban ADDRESS", "1, the number of bans that were lifted"),),
        Typed("fail2ban-client status sshd", "your address is not in Banned IP list"),
        "ADDRESS is your own, as the server sees it; --all in place of it lifts every ban"),
    ByHand(("crowdsec-ban",), (Typed("cscli decisions delete --ip ADDRESS", "1 decision(s) deleted"),),
           Typed("cscli decisions list", "your address is not there"), "ADDRESS is your own"),
    ByHand(("csf-ban",), (Typed("csf -dr ADDRESS", "Removing rule"), Typed("csf -tr ADDRESS", "for a temporary ban")),
           Typed("csf -g ADDRESS", "No matches found"), "ADDRESS is your own"),
    ByHand(("sshguard-ban",), (Typed("systemctl restart sshguard", "nothing"),), Typed("systemctl status sshguard",
           "active (running)"), "it lifts every ban that sshguard made"),
    ByHand(("sshd-config-error", "sshd-dropin-broken", "last-sshd-failed"), (
        Typed("/usr/sbin/sshd -t", "the file and the line that are wrong"),
        Typed("nano /etc/ssh/sshd", tab=True, change=f"mend that line, or delete it with Ctrl-K; {_SAVE}"),
        Typed("/usr/sbin/sshd -t", "nothing: the settings are right"), *_RESTART), _RUNS,
        "the line may be in a file of the folder sshd_config.d"),
    ByHand(("sshd-disabled",), (
        Typed("systemctl enable --now ssh", "Created symlink, or nothing", only=_DEBIAN),
        Typed("systemctl enable --now sshd", "Created symlink, or nothing", only=_OTHERS)), _RUNS),
    ByHand(("sshd-masked",), (
        Typed("systemctl unmask ssh", "Removed", only=_DEBIAN), Typed("systemctl unmask sshd", "Removed", only=_OTHERS),
        Typed("systemctl enable --now ssh", "Created symlink, or nothing", only=_DEBIAN),
        Typed("systemctl enable --now sshd", "Created symlink, or nothing", only=_OTHERS)), _RUNS),
    ByHand(("sshd-not-installed", "sshd-binary-broken"), (
        Typed("apt-get install --reinstall openssh-server", "Setting up openssh-server", only=_DEBIAN),
        Typed("dnf reinstall openssh-server", "Complete", only=(System.REDHAT,)),
        Typed("zypper install --force openssh", "done", only=(System.SUSE,)),
        Typed("pacman --sync openssh", "installing openssh", only=(System.ARCH,))), _RUNS,
        "the server's own network has to work for it; dnf install where it is not installed at all"),
    ByHand(("hostkeys-missing",), (
        Typed("dpkg-reconfigure openssh-server", "Creating SSH2 RSA key", only=_DEBIAN),
        Typed("systemctl restart sshd-keygen.target", "nothing", only=(System.REDHAT,)),
        Typed("systemctl restart sshdgenkeys", "nothing", only=(System.ARCH,)), *_RESTART), _RUNS,
        "the server gets new host keys, and your ssh will say that they have changed"),
    ByHand(("sshd-port-moved", "listenaddress-loopback", "listenaddress-stale", "addressfamily"), (
        Typed("ss -lntp", "the address and the port of sshd"),
        *_sshd("mend or delete (Ctrl-K) the line Port, ListenAddress or AddressFamily")), _RUNS,
        "or stay with the port that ss shows: ssh -p N, once the firewall lets it in"),
    ByHand(("sshd-permitrootlogin", "sshd-allow-deny", "password-login-off", "sshd-auth-methods", "sshd-maxauthtries",
            "sshd-logingrace", "sshd-maxstartups", "sshd-maxsessions", "sshd-forcecommand", "sshd-algo-mismatch",
            "sshd-authorizedkeysfile", "sshd-chroot-perms", "sshd-revoked-keys"),
           _sshd("mend or delete (Ctrl-K) the line that rescue explain CAUSE names"),
           Typed("/usr/sbin/sshd -t", "nothing"), "a line of a file in sshd_config.d counts before one of sshd_config"),
    ByHand(("hosts-deny",), (
        Typed("nano /etc/hosts.deny", change=f"delete the line that begins with sshd or ALL with Ctrl-K; {_SAVE}"),),
        Typed("cat /etc/hosts.deny", "no line without # at its beginning"), "it counts from the next connection on"),
    ByHand(("strictmodes-perms",), (
        Typed("chmod go-w /home/USER", "nothing"), Typed("chmod 700 /home/USER/.ssh", "nothing"),
        Typed("chmod 600 /home/USER/.ssh/auth", "nothing", tab=True),
        Typed("chown -hc USER /home/USER /home/USER/.ssh", "what had another owner"),
        Typed("chown -hc USER /home/USER/.ssh/auth", "the same", tab=True)),
        Typed("ls -la /home/USER/.ssh", "drwx------ for . and -rw------- for authorized_keys, both of USER"),
        "/root in place of /home/USER for root"),
    ByHand(("key-missing", "last-key-gone"), (
        Typed("mkdir -p /home/USER/.ssh", "nothing"),
        Typed("nano /home/USER/.ssh/auth", tab=True, change="the file is authorized_keys: paste your public key as one"
              f" line; {_SAVE}"),
        Typed("chown -hc USER /home/USER/.ssh", "nothing, or what had another owner"),
        Typed("chmod 700 /home/USER/.ssh", "nothing")),
        Typed("ls -la /home/USER/.ssh", "authorized_keys, of USER"),
        "a key is too long to type: where the console can't paste, rescue fix --add-key in the rescue system does it"),
    ByHand(("nologin",), (Typed("rm /run/nologin", "nothing, or No such file"),
                          Typed("rm /etc/nologin", "nothing, or No such file")),
           Typed("ls /run/nologin /etc/nologin", "No such file, twice")),
    ByHand(("acct-expired",), (Typed("usermod --expiredate -1 USER", "nothing"),),
           Typed("chage --list USER", "Account expires: never")),
    ByHand(("pw-expired",), (Typed("passwd USER", "password updated successfully"),),
           Typed("chage --list USER", "Password expires: a day to come, or never"),
           "the console's keyboard may be another one: try letters that are the same on all"),
    ByHand(("shadow-locked-nopam",), (Typed("passwd USER", "password updated successfully"),),
           Typed("passwd --status USER", "P behind the name; L is locked")),
    ByHand(("faillock",), (Typed("faillock --user USER --reset", "nothing"),),
           Typed("faillock --user USER", "the name, and no line with a time below it")),
    ByHand(("shell-missing", "shell-nologin", "shell-unusable"), (
        Typed("usermod --shell /bin/bash USER", "nothing"),), Typed("getent passwd USER", "/bin/bash at its end")),
    ByHand(("account-missing",), (
        Typed("adduser USER", "it asks for a password", only=_DEBIAN),
        Typed("useradd --create-home USER", "nothing", only=_OTHERS), Typed("passwd USER", "updated successfully")),
        Typed("id USER", "uid, gid and groups")),
    ByHand(("disk-full",), (
        Typed("df -h", "the file systems; one has 100% under Use%"),
        Typed("journalctl --vacuum-size 100000000", "Vacuuming done, and how much was freed"),
        Typed("apt-get clean", "nothing", only=_DEBIAN), Typed("dnf clean all", "files removed", only=(System.REDHAT,)),
        Typed("du -xh -d 1 /var", "how much each folder holds"), *_RESTART),
        Typed("df -h", "less than 100%"), "old logs of the journal are lost; rescue space / says what else could go"),
    ByHand(("fstab-emergency", "fstab-refused", "crypttab-waits"), (
        Typed("mount -o remount -o rw /", "nothing"),
        Typed("nano /etc/fstab", change=f"delete the line of the disk that is gone with Ctrl-K; {_SAVE}"),
        Typed("systemctl daemon-reload", "nothing"), Typed("reboot", "the server boots")),
        Typed("systemctl is-system-running", "running, or degraded; not maintenance"),
        "write the line down first. Emergency mode asks for root's password; without one, use the rescue system"),
    ByHand(("net-unconfigured", "dhcp-client-missing", "nic-renamed", "ifupdown-broken", "netplan-yaml",
            "net-no-gateway", "net-static-wrong"), (
        Typed("ip -br address", "each interface with its addresses; lo is not the one"),
        Typed("ip link set eth0 up", "nothing"),
        Typed("netplan apply", "nothing; else the file and the line that are wrong", only=_DEBIAN),
        Typed("nmcli device connect eth0", "successfully activated", only=(System.REDHAT, System.SUSE)),
        Typed("networkctl reconfigure eth0", "nothing", only=(System.ARCH,)),
        Typed("dhclient eth0", "nothing", only=_DEBIAN)),
        Typed("ip route", "a line that begins with default"),
        "eth0 is an example: type the name that ip shows. It lasts until the next boot; rescue fix / mends the files"),
    ByHand(("dpkg-interrupted",), (
        Typed("dpkg --configure -a", "Setting up, for what was left"),
        Typed("apt-get -f install", "0 to remove")), Typed("dpkg --audit", "nothing")),
)  # fmt: skip

RESCUE = ByHand(
    (), (Typed("rescue inspect /", "the causes, numbered"), Typed("rescue fix /", "what it would change; asks")),
    Typed("rescue inspect /", "nothing wrong found"),
    "there is no short way by hand for this cause: with rescue on the server it is repaired from the console",
)  # fmt: skip


def by_hand(cause: str, system: System, *, port: int = 22, user: str = "", address: str = "") -> ByHand:
    """The way for one cause on one system, with the port, user and address filled in as far as they are known."""
    way = next((each for each in WAYS if cause in each.causes), RESCUE)
    known = {"PORT": str(port), "CAUSE": cause} | ({"USER": user} if user else {})
    known |= {"ADDRESS": address} if address else {}
    steps = tuple(_filled(each, known) for each in way.steps if not each.only or system in each.only)
    return replace(way, steps=steps, check=_filled(way.check, known), note=_replaced(way.note, known))


def has_way(cause: str) -> bool:
    """Whether there is a short way by hand."""
    return any(cause in each.causes for each in WAYS)


def _filled(each: Typed, known: dict[str, str]) -> Typed:
    text = _replaced(each.text, known)
    if known.get("USER") == "root":
        text = text.replace("/home/root", "/root")
    return replace(each, text=text, shows=_replaced(each.shows, known), change=_replaced(each.change, known))


def _replaced(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = value.join(re.split(rf"\b{name}\b", text))
    return text


def is_typable(text: str) -> bool:
    """Whether a bad console passes it."""
    return TYPABLE.fullmatch(text) is not None
