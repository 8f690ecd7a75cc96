import pytest

from rescue.model import Safety, Symptom
from rescue.tree import Entry, Tree, directory, file, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.trees import SSH_SERVICE, healthy, server

pytestmark = pytest.mark.unit

ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"
WANTS = f"{ETC}/multi-user.target.wants/ssh.service"
DISABLED: dict[str, Entry | str | bytes | None] = {WANTS: None, f"{ETC}/sshd.service": None}


def test_a_healthy_server_has_no_finding() -> None:
    assert causes(server()) == []


def test_a_disabled_service_is_linked_again_by_its_real_name() -> None:
    tree = server(DISABLED)
    finding = only_finding(tree, "sshd-disabled")
    assert finding.symptom is Symptom.REFUSED
    assert finding.subject == "ssh.service"
    plan = mended(tree)
    assert changed_paths(plan) == [WANTS]
    link = plan.after.facts.tree.lentry(WANTS)
    assert link is not None
    assert link.link == f"{LIB}/ssh.service"


def test_red_hats_service_keeps_its_own_name() -> None:
    tree = server(
        DISABLED | {f"{LIB}/ssh.service": None, f"{LIB}/sshd.service": SSH_SERVICE.replace("Alias=sshd.service\n", "")}
    )
    assert only_finding(tree, "sshd-disabled").subject == "sshd.service"
    assert changed_paths(mended(tree)) == [f"{ETC}/multi-user.target.wants/sshd.service"]


def test_a_service_that_other_targets_want_is_linked_there() -> None:
    elsewhere = SSH_SERVICE.replace("WantedBy=multi-user.target", "WantedBy=graphical.target")
    tree = server(DISABLED | {f"{LIB}/ssh.service": elsewhere})
    wants = f"{ETC}/graphical.target.wants"
    assert changed_paths(mended(tree)) == [wants, f"{wants}/ssh.service"]


def test_a_socket_that_is_started_is_enough() -> None:
    assert causes(server(DISABLED | {f"{ETC}/sockets.target.wants/ssh.socket": symlink(f"{LIB}/ssh.socket")})) == []


def test_another_ssh_server_is_enough() -> None:
    tree = server(DISABLED | {
        f"{LIB}/dropbear.service": "[Service]\nExecStart=/usr/sbin/dropbear\n",
        f"{ETC}/multi-user.target.wants/dropbear.service": symlink("x"),
    })  # fmt: skip
    assert "sshd-disabled" not in causes(tree)


def test_debians_file_that_keeps_sshd_from_running_is_removed() -> None:
    tree = server({"/etc/ssh/sshd_not_to_be_run": "\n"})
    finding = only_finding(tree, "sshd-disabled")
    assert str(finding.locations[0]) == "/etc/ssh/sshd_not_to_be_run"
    assert changed_paths(mended(tree)) == ["/etc/ssh/sshd_not_to_be_run"]


def test_both_ways_of_being_off_are_mended_in_one_go() -> None:
    tree = server(DISABLED | {"/etc/ssh/sshd_not_to_be_run": ""})
    assert causes(tree) == ["sshd-disabled", "sshd-disabled"]
    assert changed_paths(mended(tree)) == ["/etc/ssh/sshd_not_to_be_run", WANTS]


def test_a_condition_of_ones_own_is_for_a_person_to_judge() -> None:
    tree = server({f"{ETC}/ssh.service.d/c.conf": "[Unit]\nConditionPathExists=/etc/gone\n"})
    finding = only_finding(tree, "sshd-disabled")
    assert str(finding.locations[0]) == f"{ETC}/ssh.service.d/c.conf:2"
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def test_a_boot_into_maintenance_starts_nothing_and_is_set_right() -> None:
    rescue: dict[str, Entry | str | bytes | None] = {
        f"{ETC}/default.target": symlink(f"{LIB}/rescue.target"), f"{LIB}/rescue.target": "[Unit]\n",
    }  # fmt: skip
    finding = only_finding(server(rescue), "sshd-disabled")
    assert finding.subject == "default.target"
    assert changed_paths(mended(server(rescue))) == [f"{ETC}/default.target"]
    without = server({**rescue, f"{LIB}/default.target": None})
    link = mended(without).after.facts.tree.lentry(f"{ETC}/default.target")
    assert link is not None
    assert link.link == f"{LIB}/multi-user.target"


def test_a_server_without_sshd_is_not_this_causes_business() -> None:
    gone = {f"{LIB}/ssh.service": None, f"{LIB}/ssh.socket": None, f"{ETC}/sshd.service": None}
    assert "sshd-disabled" not in causes(server(gone))


def _other_init(extra: dict[str, Entry | str | bytes]) -> Tree:
    kept = {path: value for path, value in healthy().items() if "systemd" not in path}
    return Tree.of({**kept, "/etc/init.d/sshd": file("#!/bin/sh\n", 0o755), **extra})


def test_openrc_gets_its_runlevel_link_back() -> None:
    tree = _other_init({"/etc/runlevels/default": directory()})
    only_finding(tree, "sshd-disabled")
    plan = mended(tree)
    assert changed_paths(plan) == ["/etc/runlevels/default/sshd"]


def test_system_v_init_gets_start_links_in_place_of_stop_links() -> None:
    tree = _other_init({f"/etc/rc{level}.d/K25sshd": symlink("../init.d/sshd") for level in "2345"})
    only_finding(tree, "sshd-disabled")
    plan = mended(tree)
    assert {path.rpartition("/")[2] for path in changed_paths(plan)} == {"K25sshd", "S55sshd"}
    assert len(plan.changes) == 8


@pytest.mark.parametrize(("target", "hotplug", "seen"), [
    ("rescue", True, Symptom.REFUSED),
    ("rescue", False, Symptom.UNREACHABLE),
    ("emergency", True, Symptom.UNREACHABLE),
])  # fmt: skip
def test_what_maintenance_looks_like_from_outside_hangs_on_who_brings_up_the_network(
    target: str, hotplug: bool, seen: Symptom
) -> None:
    pulls = "[Unit]\nRequires=sysinit.target\n" if target == "rescue" else "[Unit]\n"
    how = "allow-hotplug" if hotplug else "auto"
    tree = server({
        f"{ETC}/default.target": symlink(f"{LIB}/{target}.target"), f"{LIB}/{target}.target": pulls,
        f"{LIB}/sysinit.target": "[Unit]\n", "/usr/lib/udev/rules.d/80-ifupdown.rules": "",
        "/etc/network/interfaces": f"{how} eth0\niface eth0 inet static\n  address 192.0.2.2/24\n",
    })  # fmt: skip
    assert only_finding(tree, "sshd-disabled").symptom is seen


def test_a_default_target_that_leads_nowhere_is_no_other_init() -> None:
    broken: dict[str, Entry | str] = {
        f"{ETC}/default.target": symlink("/lib/systemd/system/nosuch.target"),
        "/etc/rc3.d/S01ssh": symlink("../init.d/ssh"),
        "/etc/init.d/ssh": file("#!/bin/sh\n", 0o755),
        f"{LIB}/rescue.target": "[Unit]\n",
    }
    assert "sshd-disabled" in causes(server(broken))
