from collections.abc import Mapping

import pytest

from rescue.services.units import Units
from rescue.tree import Entry, NotCaptured, Read, Tree, directory, file, symlink
from tests.trees import SSH_SERVICE, server

pytestmark = pytest.mark.unit

ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"
WANTS = f"{ETC}/multi-user.target.wants/ssh.service"


def units(changes: Mapping[str, Entry | str | bytes | None] | None = None) -> Units:
    return Units(server(changes))


def test_the_service_of_a_healthy_server_is_started_by_its_link() -> None:
    unit = units().unit("ssh.service")
    assert unit.started
    assert not unit.masked
    assert [str(location) for location in unit.wanted_by] == [WANTS]
    assert str(unit.path) == f"{LIB}/ssh.service"


def test_an_alias_is_the_unit_and_no_reason_to_start_it() -> None:
    found = units({WANTS: None})
    assert found.unit("sshd.service").name == "ssh.service"
    assert found.unit("sshd.service").names == ("ssh.service", "sshd.service")
    assert not found.unit("sshd.service").started


def test_a_link_by_the_alias_starts_the_unit() -> None:
    found = units({WANTS: None, f"{ETC}/multi-user.target.wants/sshd.service": symlink("x")})
    assert found.unit("ssh.service").started


def test_where_a_link_leads_does_not_matter() -> None:
    assert units({WANTS: symlink("/nowhere")}).unit("ssh.service").started


def test_a_link_in_a_target_that_is_not_reached_starts_nothing() -> None:
    found = units({WANTS: None, f"{ETC}/rescue.target.wants/ssh.service": symlink("x")})
    assert not found.unit("ssh.service").started


@pytest.mark.parametrize(
    "mask", [symlink("/dev/null"), symlink("../../../dev/null"), file(""), symlink("/opt/gone.service")]
)
def test_a_mask_beats_the_link(mask: Entry) -> None:
    unit = units({f"{ETC}/ssh.service": mask}).unit("ssh.service")
    assert unit.masked
    assert not unit.present
    assert not unit.started
    assert unit.mask is not None
    assert str(unit.mask.path) == f"{ETC}/ssh.service"
    assert unit.wanted_by


def test_a_mask_of_the_alias_alone_stops_nothing() -> None:
    assert units({f"{ETC}/sshd.service": symlink("/dev/null")}).unit("ssh.service").started


def test_a_link_of_the_package_can_be_masked_by_one_to_null() -> None:
    found = units({
        WANTS: symlink("/dev/null"),
        f"{LIB}/multi-user.target.wants/ssh.service": symlink("../ssh.service"),
    })  # fmt: skip
    assert not found.unit("ssh.service").started


def test_sockets_are_reached_through_the_basic_target() -> None:
    assert units({f"{ETC}/sockets.target.wants/ssh.socket": symlink("x")}).unit("ssh.socket").started


def test_a_default_target_of_ones_own_decides_what_is_reached() -> None:
    found = units({f"{ETC}/default.target": symlink(f"{LIB}/rescue.target"), f"{LIB}/rescue.target": "[Unit]\n"})
    assert not found.unit("ssh.service").started
    assert str(found.default_target) == f"{ETC}/default.target"


def test_a_default_target_that_leads_nowhere_means_rescue() -> None:
    found = units({f"{ETC}/default.target": symlink("/gone.target"), f"{LIB}/rescue.target": "[Unit]\n"})
    assert not found.unit("ssh.service").started
    assert found.unit("rescue.target").started


def test_a_unit_that_starts_pulls_in_others_by_its_lines() -> None:
    found = units({WANTS: None, f"{ETC}/ufw.service.d/x.conf": "[Unit]\nWants=a.service \\\n  ssh.service\n"})
    unit = found.unit("ssh.service")
    assert unit.started
    assert [str(location) for location in unit.wanted_by] == [f"{ETC}/ufw.service.d/x.conf:2"]


def test_units_that_pull_in_each_other_in_a_circle_come_to_an_end() -> None:
    a, b = "[Unit]\nWants=b.service\n", "[Unit]\nWants=a.service ssh.service\n"
    found = units({WANTS: None, f"{LIB}/a.service": a, f"{LIB}/b.service": b,
                   f"{ETC}/multi-user.target.wants/a.service": symlink("x")})  # fmt: skip
    assert found.unit("ssh.service").started


def test_aliases_in_a_circle_are_no_unit() -> None:
    found = units({f"{LIB}/ssh.service": symlink("sshd.service"), f"{ETC}/sshd.service": symlink(f"{LIB}/ssh.service")})
    assert not found.unit("ssh.service").present


def test_a_condition_on_a_file_is_decided_on_the_disk() -> None:
    unit = units({"/etc/ssh/sshd_not_to_be_run": ""}).unit("ssh.service")
    assert not unit.started
    assert str(unit.unmet) == f"{LIB}/ssh.service:4"


@pytest.mark.parametrize(
    "lines, holds",
    [
        ("ConditionPathExists=/etc/hostname", True),
        ("ConditionPathExists=/etc/gone", False),
        ("ConditionPathExists=!/etc/gone", True),
        ("ConditionPathExists=|/etc/gone\nConditionPathExists=|/etc/hostname", True),
        ("ConditionPathExists=|/etc/gone\nConditionPathExists=|!/etc/hostname", False),
        ("ConditionPathExists=|/etc/gone\nConditionKernelCommandLine=|x", True),
        ("ConditionPathExists=/etc/gone\nConditionFileNotEmpty=", True),
        ("ConditionPathExists=/run/only/there/when/it/runs", True),
        ("ConditionFileNotEmpty=/etc/hostname", True),
        ("ConditionFileIsExecutable=/etc/hostname", False),
        ("AssertPathIsDirectory=/etc/hostname", False),
        ("ConditionVirtualization=no", True),
    ],
)
def test_conditions_hold_unless_the_disk_says_otherwise(lines: str, holds: bool) -> None:
    found = units({f"{ETC}/ssh.service.d/c.conf": f"[Unit]\n{lines}\n"})
    assert found.unit("ssh.service").started is holds


def test_dropins_apply_by_name_and_the_first_directory_wins() -> None:
    found = units({
        f"{LIB}/ssh.service.d/50-a.conf": "[Service]\nEnvironment=A=1\n",
        f"{ETC}/ssh.service.d/50-a.conf": "[Service]\nEnvironment=A=2\n",
        f"{ETC}/service.d/10-b.conf": "[Service]\nEnvironment=B=1\n",
        f"{ETC}/sshd.service.d/60-c.conf": "[Service]\nEnvironment=C=1\n",
        f"{ETC}/ssh.service.d/70-d.txt": "[Service]\nEnvironment=D=1\n",
    })  # fmt: skip
    values = found.unit("ssh.service").values("Service", "Environment")
    assert [value.text for value in values] == ["B=1", "A=2", "C=1"]
    assert str(values[1].location) == f"{ETC}/ssh.service.d/50-a.conf:2"


def test_an_empty_assignment_takes_back_what_was_set() -> None:
    found = units({f"{ETC}/ssh.service.d/a.conf": "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -p 2222\n"})
    values = found.unit("ssh.service").values("Service", "ExecStart")
    assert [value.text for value in values] == ["/usr/sbin/sshd -D -p 2222"]


def test_an_instance_is_made_of_its_template() -> None:
    found = units({f"{LIB}/ssh@.service": "[Service]\nExecStart=-/usr/sbin/sshd -i\n"})
    assert found.unit("ssh@0.service").present
    assert not found.unit("ssh@0.service").started


def test_the_old_init_script_counts_only_where_no_unit_is() -> None:
    link = {"/etc/rc3.d/S02ssh": symlink("../init.d/ssh"), "/etc/init.d/ssh": file("#!/bin/sh\n", 0o755), WANTS: None}
    assert not units(link).unit("ssh.service").started
    assert units({**link, f"{LIB}/ssh.service": None}).unit("ssh.service").started
    stopped = {**link, f"{LIB}/ssh.service": None, "/etc/rc3.d/S02ssh": None, "/etc/rc3.d/K02ssh": symlink("x")}
    assert not units(stopped).unit("ssh.service").started


def test_openrc_starts_what_is_in_a_runlevel() -> None:
    alpine: dict[str, Entry | str | bytes] = {
        "/etc/init.d/sshd": file("#!/sbin/openrc-run\n", 0o755), "/etc/runlevels/default": directory(),
        "/etc/runlevels/sysinit": directory(),
    }  # fmt: skip
    found = Units(Tree.of(alpine))
    assert found.manager == "openrc"
    assert found.unit("sshd.service").present
    assert not found.unit("sshd.service").started
    on = Units(Tree.of({**alpine, "/etc/runlevels/default/sshd": symlink("/etc/init.d/sshd")}))
    assert on.unit("sshd.service").started


def test_system_v_init_starts_what_its_runlevel_links() -> None:
    old: dict[str, Entry | str | bytes] = {
        "/etc/inittab": "# id:5:initdefault:\nid:3:initdefault:\n", "/etc/init.d/sshd": file("#!/bin/sh\n", 0o755),
        "/etc/rc3.d/S55sshd": symlink("../init.d/sshd"),
    }  # fmt: skip
    assert Units(Tree.of(old)).manager == "sysv"
    assert Units(Tree.of(old)).unit("sshd.service").started
    assert not Units(Tree.of({**old, "/etc/inittab": "id:5:initdefault:\n"})).unit("sshd.service").started


def test_what_is_needed_is_asked_for_at_once() -> None:
    with pytest.raises(NotCaptured) as missing:
        Units(Tree({"/": directory()}, (Read("/", depth=0),))).unit("ssh.service")
    paths = {read.path for read in missing.value.reads}
    assert {ETC, LIB, "/etc/init.d", "/etc/runlevels", "/etc/inittab"} <= paths


@pytest.mark.parametrize(
    "text",
    [b"\0\xff" * 50_000, b"[" * 100_000, b"\\\n" * 300_000, b"=\n" * 50_000,
     b"[Unit]\nWants=" + b"a.service " * 20_000],
)  # fmt: skip
def test_junk_in_a_unit_file_does_no_harm(text: bytes) -> None:
    found = units({f"{LIB}/ssh.service": text, f"{ETC}/ssh.service.d/a.conf": text})
    assert found.unit("ssh.service").present


def test_a_directory_in_place_of_a_unit_is_no_mask() -> None:
    assert not units({f"{ETC}/ssh.service": directory()}).unit("ssh.service").masked


def test_a_continued_line_is_one_with_comments_left_out() -> None:
    text = SSH_SERVICE.replace("Alias=sshd.service", "Alias=a.service \\\n# no\n; neither\n   b.service")
    values = units({f"{LIB}/ssh.service": text}).unit("ssh.service").values("Install", "Alias")
    assert [value.text.split() for value in values] == [["a.service", "b.service"]]
