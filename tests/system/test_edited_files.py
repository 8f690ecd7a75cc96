"""Every kind of repair of a firewall's files, read again by the tool that the files are of: it takes each of them, and
ufw lists the new rule and keeps it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from rescue.kernel_check.etc import etc_of
from rescue.kernel_check.lab import restorer
from rescue.model import Client
from rescue.plan import Plan
from rescue.tree import Tree
from tests.checking import changed_paths, diff, mended
from tests.conftest import LoadImage
from tests.firewalld import CONF, DHCP, OWN, PUBLIC, SSH, rule, with_firewalld, zone
from tests.system.firewall_rules import BACKENDS, NEEDED, net
from tests.system.netlab import Lab
from tests.system.real_ufw import Ufw, ufw, ufw_package
from tests.trees import SSHD_CONFIG
from tests.unit.checks.test_firewalld_zone import KEYFILE, network_manager
from tests.unit.checks.test_fw_rules_port import moved
from tests.unit.checks.test_fw_two_firewalls import beside
from tests.unit.checks.test_ipset_persisted import ALLOW, DENY
from tests.unit.checks.test_ipset_persisted import saved as with_sets
from tests.unit.checks.test_nft_drop import HEAD, WEB, with_nft
from tests.unit.checks.test_nft_not_loaded import BROKEN
from tests.unit.firewall.files import (
    DEFAULTS,
    LIMIT,
    RELATED,
    allow,
    before,
    came_from,
    saved,
    user,
    with_saved,
    with_ufw,
)

__all__ = ["net", "ufw", "ufw_package"]

pytestmark = NEEDED


class Case(NamedTuple):
    """A server that keeps its owner out, whoever that is, and the cause that has to be found."""

    cause: str
    tree: Tree
    client: Client = Client()


RULE = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
ICMP = "-A INPUT -p ipv6-icmp -j ACCEPT"
FOUR, SIX = came_from("203.0.113.5"), came_from("2001:db8:5::5")
REJECT = "-A INPUT -j REJECT --reject-with icmp-host-prohibited"

SAVED = {
    "a policy": Case("fw-policy-drop", with_saved(saved(RELATED), saved(RELATED, ICMP))),
    "a policy, one client": Case("fw-policy-drop", with_saved(saved(RELATED)), FOUR),
    "a rule that rejects": Case("fw-policy-drop", with_saved(saved(RELATED, REJECT, policy="ACCEPT")), FOUR),
    "a ban": Case("fw-policy-drop", with_saved(saved(RELATED, "-A INPUT -s 203.0.113.0/24 -j DROP", RULE)), FOUR),
    "a list": Case("fw-allowlist", with_saved(saved(RELATED, RULE.replace("-p", "-s 198.51.100.7/32 -p", 1))), FOUR),
    "IPv6 forgotten": Case("fw-ipv6-only", with_saved(saved(RELATED, RULE), saved(RELATED, ICMP)), SIX),
    "IPv6 without neighbours": Case("fw-ipv6-only", with_saved(saved(RELATED, RULE), saved(RELATED, RULE)), SIX),
    "answers": Case("fw-reply-blocked", with_saved(saved(RELATED, RULE, output="DROP"))),
    "answers, one client": Case("fw-reply-blocked", with_saved(saved(RELATED, RULE, output="DROP")), FOUR),
    "another port": Case("fw-rules-port", moved(with_saved(saved(RELATED, RULE), saved(RELATED, ICMP, RULE)))),
    "beside ufw": Case("fw-two-firewalls", beside(with_ufw(allow(22)), saved(RELATED))),
    "beside a script": Case("nft-not-loaded", beside(with_nft(BROKEN), saved(RELATED))),
}
SETS = {
    "a line": Case("ipset-persisted", with_sets("create bad hash:ip\nadd bad 203.0.113.5\n", DENY), FOUR),
    "a network": Case("ipset-persisted", with_sets("create bad hash:net\nadd bad 203.0.0.0/16\n", DENY), FOUR),
    "a range": Case("ipset-persisted", with_sets("create bad hash:ip\nadd bad 203.0.113.0/28\n", DENY), FOUR),
    "a list": Case(
        "ipset-persisted", with_sets("create good hash:ip\nadd good 198.51.100.1\n", ALLOW, policy="DROP"), FOUR
    ),
}
OUT = "table inet out {\n\tchain output {\n\t\ttype filter hook output priority 0; policy drop;\n\t}\n}\n"
DOOR = HEAD + WEB.replace("80, 443", "22, 80")
NFT = {
    "a policy": Case("nft-drop", with_nft(HEAD + WEB)),
    "a policy, one client": Case("nft-drop", with_nft(HEAD + WEB), FOUR),
    "IPv6 without neighbours": Case("fw-ipv6-only", with_nft(DOOR.replace("{ icmp, ipv6-icmp }", "icmp")), SIX),
    "answers": Case("fw-reply-blocked", with_nft(DOOR + OUT), FOUR),
    "another port": Case("fw-rules-port", moved(with_nft(DOOR))),
}
PORT = {"ssh__sshd_config": "Port 2222\n" + SSHD_CONFIG}
NO_ANSWERS = before(4).replace("-A ufw-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", "")
NO_OUTPUT = DEFAULTS.replace('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="DROP"')
CLOSED = "-A ufw-before-input -j DROP"
DENIED = allow(22, verb="deny")
UFW = {
    "no rule": Case("ufw-no-ssh-rule", with_ufw(allow(80), allow(80, "::/0"))),
    "no rule, one client": Case("ufw-no-ssh-rule", with_ufw(allow(80)), FOUR),
    "no rule, one client of IPv6": Case("ufw-no-ssh-rule", with_ufw(allow(80)), SIX),
    "another port": Case("ufw-port-mismatch", with_ufw(allow(22), allow(22, "::/0"), **PORT)),
    "a limit on another port": Case("ufw-port-mismatch", with_ufw(LIMIT, **PORT), FOUR),
    "an order": Case("ufw-rule-order", with_ufw(DENIED, allow(22), allow(22, "::/0"))),
    "a list": Case("fw-allowlist", with_ufw(allow(22, "198.51.100.7")), FOUR),
    "IPv6 forgotten": Case("fw-ipv6-only", with_ufw(allow(22)), SIX),
    "IPv6 off": Case("ufw-ipv6-off", with_ufw(allow(22), default__ufw=DEFAULTS.replace("=yes", "=no")), SIX),
    "a broken line": Case(
        "ufw-rules-broken", with_ufw(**{"ufw__user.rules": user(4, allow(22)).replace("### END RULES", "x\n### END")})
    ),
    "a missing end": Case(
        "ufw-rules-broken", with_ufw(**{"ufw__user.rules": user(4, allow(22)).removesuffix("COMMIT\n")})
    ),
    "answers": Case(
        "fw-reply-blocked", with_ufw(allow(22), **{"ufw__before.rules": NO_ANSWERS, "default__ufw": NO_OUTPUT}), FOUR
    ),
    "a script before": Case(
        "fw-policy-drop",
        with_ufw(allow(22), **{"ufw__before.rules": before(4).replace("COMMIT", f"{CLOSED}\nCOMMIT")}),
    ),
}
BAN = rule('<source address="203.0.113.0/24"/>', "<drop/>")
MINE = rule('<source address="203.0.113.5"/>', SSH, "<accept/>")
FIREWALLD = {
    "no service": Case("firewalld-no-ssh", with_firewalld({PUBLIC: zone(DHCP, "<forward/>")})),
    "no service, one client": Case("firewalld-no-ssh", with_firewalld({PUBLIC: zone(DHCP)}), FOUR),
    "no service, one client of IPv6": Case("firewalld-no-ssh", with_firewalld({PUBLIC: zone(DHCP)}), SIX),
    "all on one line": Case("firewalld-no-ssh", with_firewalld({PUBLIC: f"<zone>{DHCP}</zone>"}), FOUR),
    "a rule that denies": Case("firewalld-no-ssh", with_firewalld({PUBLIC: zone(SSH, MINE, BAN)}), FOUR),
    "another port": Case("firewalld-no-ssh", with_firewalld({"/etc/ssh/sshd_config": "Port 2222\nUsePAM yes\n"})),
    "the default zone": Case("firewalld-zone", with_firewalld({CONF: "DefaultZone=drop\n"}), FOUR),
    "a zone told by NetworkManager": Case(
        "firewalld-zone",
        with_firewalld({**network_manager(), KEYFILE: "[connection]\ninterface-name=eth0\nzone=drop\n"}),
    ),
    "a mistake": Case(
        "firewalld-config-error",
        with_firewalld(
            {
                "/etc/ssh/sshd_config": "Port 2222\nUsePAM yes\n",
                PUBLIC: zone('<port port="2222" protocol="tcp"/>', '<service name="none"/>'),
            }
        ),
    ),
}


def repaired(case: Case) -> tuple[Tree, Plan]:
    """The tree after the repair of the one thing that is wrong, and what was done."""
    plan = mended(case.tree, case.client)
    assert [finding.check for finding in plan.before.findings] == [case.cause]
    assert plan.changes
    return plan.after.facts.tree, plan


def text_of(tree: Tree, path: str | PurePosixPath) -> str:
    text = tree.text(path)
    assert text is not None, path
    return text


def restored(lab: Lab, text: str, version: int, backend: str) -> subprocess.CompletedProcess[str]:
    return lab.on_server(restorer(version, backend), "--test", given=text, check=False)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", [*SAVED.values(), *SETS.values()], ids=[*SAVED, *(f"ipset: {name}" for name in SETS)])
def test_iptables_restore_takes_saved_rules(net: Lab, case: Case, backend: str) -> None:
    if case in SETS.values() and shutil.which("ipset") is None:
        pytest.skip("needs the package ipset")
    after, plan = repaired(case)
    if (sets := after.text("/etc/iptables/ipsets")) is not None:
        done = net.on_server("ipset", "restore", given=sets, check=False)
        assert done.returncode == 0, done.stderr
    try:
        for version in (4, 6):
            path = f"/etc/iptables/rules.v{version}"
            if path in changed_paths(plan) or (sets and after.entry(path)):
                done = restored(net, text_of(after, path), version, backend)
                assert done.returncode == 0, done.stderr
                broken = text_of(after, path).replace("COMMIT", "-A INPUT --oops\nCOMMIT")
                assert restored(net, broken, version, backend).returncode
    finally:
        if sets:
            net.on_server("ipset", "destroy")


@pytest.mark.parametrize("case", NFT.values(), ids=list(NFT))
def test_nft_takes_its_script(net: Lab, case: Case) -> None:
    after, plan = repaired(case)
    files = [PurePosixPath(each) for each in changed_paths(plan)]
    with etc_of(after, files) as around:
        done = net.server.run("nft", "-c", "-f", "/etc/nftables.conf", check=False, around=around)
    assert done.returncode == 0, done.stderr
    broken = after.write("/etc/nftables.conf", text_of(after, "/etc/nftables.conf") + "oops\n")
    with etc_of(broken, files) as around:
        assert net.server.run("nft", "-c", "-f", "/etc/nftables.conf", check=False, around=around).returncode


def planted(ufw: Ufw, tree: Tree) -> None:
    for path in (*tree.walk("/etc/ufw"), PurePosixPath("/etc/default/ufw")):
        if path.name != "applications.d" and (text := tree.text(path)) is not None:
            ufw.put(str(path).lstrip("/"), text)


TUPLE = "### tuple ### "


@pytest.mark.parametrize("case", UFW.values(), ids=list(UFW))
def test_ufw_lists_the_rule_and_keeps_it(ufw: Ufw, case: Case) -> None:
    after, plan = repaired(case)
    planted(ufw, after)
    ufw.boot()
    paths = [path for path in changed_paths(plan) if path.endswith(".rules")]
    added = {path: [line for line in diff(plan, path)[1] if line.startswith((TUPLE, "-A "))] for path in paths}
    status = ufw.run("status")
    assert "Status: active" in status
    for line in (line for lines in added.values() for line in lines if line.startswith(TUPLE)):
        action, _, port, _, _, source, _ = line.removeprefix(TUPLE).split()
        shown = {"0.0.0.0/0": "Anywhere", "::/0": "Anywhere (v6)"}.get(source, source)
        assert re.search(rf"(?m)^{port}/tcp .* {action.upper()} +{re.escape(shown)} *$", status), (line, status)
    assert "reloaded" in ufw.run("reload")
    ufw.run("allow", "8443/tcp")  # writes the user's files anew, from the comment lines
    for path, lines in added.items():
        kept = text_of(ufw.tree(), path).split("\n")
        assert [line for line in lines if line not in kept] == [], path


Checker = Callable[[Tree], "subprocess.CompletedProcess[str]"]

ENTER = """
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs run "$1/run"
mount -t tmpfs tmp "$1/tmp"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/mnt"
root=$1
shift 2
exec chroot "$root" "$@"
"""


@pytest.fixture(scope="module")
def check_config(lab_image: LoadImage, tmp_path_factory: pytest.TempPathFactory) -> Checker:
    """firewalld's own check of a tree's configuration, over what Debian's firewalld is installed with."""
    root = lab_image("debian12-firewalld").root
    place = tmp_path_factory.mktemp("firewalld")

    def check(tree: Tree) -> subprocess.CompletedProcess[str]:
        own = place / "own"
        shutil.rmtree(own, ignore_errors=True)
        for path in tree.walk(OWN):
            if (data := tree.data(path)) is not None:
                to = own / path.relative_to(OWN)
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(data)
        words = ["firewall-offline-cmd", "--system-config", "/mnt/own", "--check-config"]
        return subprocess.run(
            ["unshare", "--mount", "--net", "sh", "-eu", "-c", ENTER, "sh", str(root), str(place), *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return check


@pytest.mark.parametrize("case", FIREWALLD.values(), ids=list(FIREWALLD))
def test_firewalld_takes_its_configuration(check_config: Checker, case: Case) -> None:
    after, _ = repaired(case)
    done = check_config(after)
    assert done.returncode == 0, done.stderr
    broken = after.write(PUBLIC, zone('<service name="there-is-none"/>'))
    assert check_config(broken).returncode


def test_each_kind_of_repair_is_here() -> None:
    """Of the checks that change a firewall's rules none is left out."""
    folder = Path(__file__).parents[2] / "rescue/checks"
    names = {path.stem.replace("_", "-") for pattern in ("fw_*", "ufw_*", "nft_*", "firewalld_*", "ipset_*")
             for path in folder.glob(f"{pattern}.py")}  # fmt: skip
    tables: tuple[Mapping[str, Case], ...] = (SAVED, SETS, NFT, UFW, FIREWALLD)
    # These two name a rule, or an interface: nothing is put into a firewall's file.
    names -= {"fw-redirect", "fw-interface"}
    assert names == {case.cause for table in tables for case in table.values()}
