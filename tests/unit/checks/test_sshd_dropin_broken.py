import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.tree import Entry, Tree, symlink
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import DPKG_STATUS, SSH_SERVICE, server

pytestmark = pytest.mark.unit

PATH = "/etc/systemd/system/ssh.service.d/override.conf"
START = "ExecStart=/usr/sbin/sshd -D -o LogLevel=VERBOSE"


def dropin(*lines: str) -> dict[str, Entry | str | bytes | None]:
    return {PATH: "".join(f"{line}\n" for line in ("[Service]", *lines))}


@pytest.mark.parametrize(
    "lines",
    [
        ("ExecStart=", START),
        ("Type=oneshot", START),
        ("EnvironmentFile=-/etc/not/there",),
        ("EnvironmentFile=/etc/hostname",),
        ("Restart=always",),
    ],
)
def test_what_systemd_takes_is_no_finding(lines: tuple[str, ...]) -> None:
    assert causes(server(dropin(*lines))) == []


def test_a_second_command_takes_the_place_of_the_first() -> None:
    tree = server(dropin("# more in the log", START))
    finding = only_finding(tree, "sshd-dropin-broken")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    assert diff(mended(tree), PATH) == ([], ["ExecStart="])


def test_a_command_that_was_only_taken_back_comes_back() -> None:
    assert diff(mended(server(dropin("ExecStart="))), PATH) == (["ExecStart="], ["#ExecStart="])


def test_a_file_that_is_missing_may_be_missing() -> None:
    plan = mended(server(dropin("EnvironmentFile=/etc/default/sshd-own")))
    assert diff(plan, PATH)[1] == ["EnvironmentFile=-/etc/default/sshd-own"]


def test_a_command_whose_program_is_missing_gives_way_to_the_packages_own() -> None:
    tree = server(dropin("ExecStart=", "ExecStart=/opt/sshd -D"))
    assert diff(mended(tree), PATH) == (
        ["ExecStart=", "ExecStart=/opt/sshd -D"],
        ["#ExecStart=", "#ExecStart=/opt/sshd -D"],
    )


COPY = "/etc/systemd/system/ssh.service"


def test_a_copy_of_the_unit_whose_program_is_gone_is_set_aside_whole() -> None:
    text = SSH_SERVICE.replace("/usr/sbin/sshd -D", "/usr/local/sbin/sshd -D")
    plan = mended(server({COPY: text}))
    assert changed_paths(plan) == [COPY, f"{COPY}.set-aside"]
    after = plan.after.facts.tree
    assert (after.entry(COPY), after.text(f"{COPY}.set-aside")) == (None, text)
    assert [each.repair.weakens for each in plan.mends] == [""]


def test_what_only_the_copy_sets_is_said() -> None:
    text = SSH_SERVICE.replace("/usr/sbin/sshd -D", "/opt/sshd -D").replace("[Service]", "[Service]\nNice=-5")
    finding = only_finding(server({COPY: text}), "sshd-dropin-broken")
    assert "Nice=-5" in finding.repairs[0].weakens


def test_without_a_package_the_command_is_a_persons_affair() -> None:
    text = SSH_SERVICE.replace("/usr/sbin/sshd -D", "/opt/sshd -D")
    tree = server({COPY: text, "/usr/lib/systemd/system/ssh.service": None})
    finding = only_finding(tree, "sshd-dropin-broken")
    assert [repair.safety for repair in finding.repairs] == [Safety.MANUAL]


def unit_part(*lines: str) -> dict[str, Entry | str | bytes | None]:
    return {PATH: "".join(f"{line}\n" for line in ("[Unit]", *lines))}


def with_systemd(release: str, changes: dict[str, Entry | str | bytes | None]) -> Tree:
    package = f"\nPackage: systemd\nStatus: install ok installed\nVersion: {release}\n"
    return server({"/var/lib/dpkg/status": DPKG_STATUS + package, **changes})


OLD, NEW = "252.39-1~deb12u1", "257.8-1~deb13u2"


def test_before_systemd_254_a_missing_unit_is_not_needed() -> None:
    assert causes(with_systemd(OLD, unit_part("Requires=vpn.service", "After=vpn.service"))) == []
    assert causes(with_systemd(OLD, {**unit_part("Requires=ufw.service"), UFW: symlink("/dev/null")})) == []
    assert causes(with_systemd(OLD, LINKED)) == []


def test_so_it_is_with_requisite() -> None:
    # Measured: Debian 12's systemd starts sshd, Debian 13's does not.
    assert causes(with_systemd(OLD, unit_part("Requisite=nosuch.target"))) == []
    finding = only_finding(with_systemd(NEW, unit_part("Requisite=nosuch.target")), "sshd-dropin-broken")
    assert finding.severity is Severity.BROKEN


def test_what_it_is_bound_to_has_to_be_there_in_every_release() -> None:
    for release in (OLD, NEW):
        finding = only_finding(with_systemd(release, unit_part("BindsTo=vpn.service")), "sshd-dropin-broken")
        assert finding.severity is Severity.BROKEN


def test_where_the_release_is_not_known_or_patched_it_is_a_doubt() -> None:
    finding = only_finding(server(unit_part("Requires=vpn.service")), "sshd-dropin-broken")
    assert (finding.severity, "before 254" in finding.reason) == (Severity.DOUBTFUL, True)
    red_hat = {
        "/usr/lib/os-release": 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.5"\n',
        "/usr/lib/systemd/libsystemd-shared-252-46.el9.so": "ELF",
        "/var/lib/dpkg/status": None,
    }
    finding = only_finding(server({**red_hat, **unit_part("Requires=vpn.service")}), "sshd-dropin-broken")
    assert (finding.severity, "backported" in finding.reason) == (Severity.DOUBTFUL, True)


INIT = "/usr/lib/ufw/ufw-init"
UFW = "/etc/systemd/system/ufw.service"
STEP = "/etc/systemd/system/ssh.service.requires/ssh.socket"
LINKED: dict[str, Entry | str | bytes | None] = {
    STEP: symlink("/usr/lib/systemd/system/ssh.socket"),
    "/etc/systemd/system/ssh.socket": symlink("/dev/null"),
}


def test_a_link_that_requires_a_masked_unit_counts_as_a_line_does() -> None:
    tree = with_systemd(NEW, LINKED)
    finding = only_finding(tree, "sshd-dropin-broken")
    assert finding.severity is Severity.BROKEN
    assert [str(each.path) for each in finding.locations] == [STEP, "/etc/systemd/system/ssh.socket"]
    plan = mended(tree)
    assert changed_paths(plan) == [STEP]


def test_a_link_that_requires_what_is_there_is_no_finding() -> None:
    assert causes(with_systemd(NEW, {STEP: symlink("/usr/lib/systemd/system/ssh.socket")})) == []


def test_a_required_service_whose_program_is_gone_is_a_doubt() -> None:
    vault = "[Service]\nType=oneshot\nExecStart={}\n"
    path = "/etc/systemd/system/vault.service"
    tree = with_systemd(NEW, {**unit_part("Requires=vault.service"), path: vault.format("/opt/vault")})
    finding = only_finding(tree, "sshd-dropin-broken")
    assert (finding.severity, "/opt/vault is missing" in finding.message) == (Severity.DOUBTFUL, True)
    for harmless in ("-/opt/vault", "/bin/bash"):
        text = vault.format(harmless)
        assert causes(with_systemd(NEW, {**unit_part("Requires=vault.service"), path: text})) == []


def test_a_unit_that_does_not_exist_is_not_waited_for() -> None:
    tree = with_systemd(NEW, unit_part("Requires=vpn.service"))
    assert "vpn.service, which does not exist" in only_finding(tree, "sshd-dropin-broken").message
    assert diff(mended(tree), PATH) == (["Requires=vpn.service"], ["#Requires=vpn.service"])


def test_of_several_the_missing_one_is_taken_out() -> None:
    tree = with_systemd(NEW, {**unit_part("Requires=ufw.service vpn.service"), INIT: "#!/bin/sh\n"})
    assert diff(mended(tree), PATH) == (["Requires=ufw.service vpn.service"], ["Requires=ufw.service "])


@pytest.mark.parametrize(
    "line", ["Requires=ufw.service", "Wants=vpn.service", "After=vpn.service", "Requires=x-y.mount"]
)
def test_what_is_there_or_only_wished_for_is_no_finding(line: str) -> None:
    assert causes(server({**unit_part(line), INIT: "#!/bin/sh\n"})) == []


@pytest.mark.parametrize("line", ["ExecStartPre=/opt/gone", "PrivateNetwork=yes", "User=alice"])
def test_what_shuts_the_service_in_is_commented_out(line: str) -> None:
    tree = server(dropin(line))
    only_finding(tree, "sshd-dropin-broken")
    assert diff(mended(tree), PATH) == ([line], [f"#{line}"])


@pytest.mark.parametrize(
    "line", ["ExecStartPre=-/opt/gone", "ExecStartPre=/usr/bin/bash -c true", "PrivateNetwork=no", "User=root"]
)
def test_what_does_no_harm_stays(line: str) -> None:
    assert causes(server(dropin(line))) == []
