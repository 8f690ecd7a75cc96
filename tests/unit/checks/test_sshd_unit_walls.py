"""Settings of sshd's unit by which it, or a session, lacks what a login needs."""

from __future__ import annotations

import pytest

from rescue.model import Client, Severity, Symptom
from tests.checking import causes, diff, mended, mended_if_agreed, only_finding
from tests.judging import gaps_of
from tests.trees import server

pytestmark = pytest.mark.unit

CHECK = "sshd-unit-walls"
ALICE = Client(user="alice")
PRIVILEGED = "@chown @setuid chroot setfsgid setfsuid"
DROP_IN = "/etc/systemd/system/ssh.service.d/local.conf"


def by(*lines: str) -> dict[str, str]:
    return {DROP_IN: "\n".join(("[Service]", "Restart=always", *lines, ""))}


@pytest.mark.parametrize(
    ("line", "step", "after"),
    [
        ("ProtectHome=yes", "key", "ProtectHome=read-only"),
        ("ProtectHome=tmpfs", "key", "ProtectHome=read-only"),
        ("TemporaryFileSystem=/srv /home", "key", "TemporaryFileSystem=/srv"),
        ("InaccessiblePaths=-/nowhere /etc/passwd", "service", "InaccessiblePaths=-/nowhere"),
        ("WorkingDirectory=/nowhere", "service", "WorkingDirectory=-/nowhere"),
        ("ReadOnlyPaths=/etc /nowhere", "service", "ReadOnlyPaths=/etc -/nowhere"),
        ("PrivateUsers=yes", "accept", "#PrivateUsers=yes"),
        ("DynamicUser=yes", "service", "#DynamicUser=yes"),
        ("MemoryMax=1M", "service", "#MemoryMax=1M"),
        ("TasksMax=1", "accept", "#TasksMax=1"),
        ("LimitNOFILE=3", "service", "#LimitNOFILE=3"),
        ("LimitNOFILE=10", "accept", "#LimitNOFILE=10"),
        ("LimitSTACK=16K", "service", "#LimitSTACK=16K"),
        ("SupplementaryGroups=nosuch", "service", "#SupplementaryGroups=nosuch"),
    ],
)
def test_the_setting_is_changed_as_little_as_it_takes(line: str, step: str, after: str) -> None:
    tree = server(by(line))
    finding = only_finding(tree, CHECK, ALICE)
    assert (finding.severity, finding.step.word) == (Severity.BROKEN, step)
    assert finding.locations[0].line == 3
    assert diff(mended(tree, ALICE), DROP_IN) == ([line], [after])


def test_others_may_get_in_where_one_home_is_hidden() -> None:
    tree = server(by("TemporaryFileSystem=/home"))
    assert only_finding(tree, CHECK).severity is Severity.DOUBTFUL
    assert causes(tree, Client(user="root")) == []


@pytest.mark.parametrize(
    ("line", "added"),
    [
        ("CapabilityBoundingSet=~CAP_SYS_CHROOT", "CapabilityBoundingSet=CAP_SYS_CHROOT"),
        (
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
            "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_SYS_CHROOT CAP_CHOWN",
        ),
        (
            "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_CHOWN",
            "CapabilityBoundingSet=CAP_SYS_CHROOT CAP_NET_BIND_SERVICE",
        ),
        ("SystemCallFilter=~@privileged", f"SystemCallFilter={PRIVILEGED}"),
        ("SystemCallFilter=~@setuid @chown", "SystemCallFilter=@setuid @chown"),
        ("SystemCallFilter=~@debug @file-system", "SystemCallFilter=@file-system"),
        ("SystemCallFilter=~@resources execve", "SystemCallFilter=setpriority execve"),
        ("RestrictAddressFamilies=AF_UNIX", "RestrictAddressFamilies=AF_INET AF_INET6"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=chroot"),
    ],
)
def test_what_is_missing_is_added_on_a_line_of_its_own(line: str, added: str) -> None:
    tree = server(by(line))
    assert only_finding(tree, CHECK).severity is Severity.BROKEN
    assert diff(mended(tree), DROP_IN) == ([], [added])


def test_what_was_taken_off_a_list_of_allowed_calls_comes_back() -> None:
    tree = server(by("SystemCallFilter=@system-service", "SystemCallFilter=~@privileged"))
    assert diff(mended(tree), DROP_IN) == ([], [f"SystemCallFilter={PRIVILEGED}"])


def test_a_filter_that_lets_nearly_nothing_pass_is_only_taken_away_if_agreed() -> None:
    tree = server(by("SystemCallFilter=@basic-io"))
    assert only_finding(tree, CHECK).symptom is Symptom.REFUSED
    assert diff(mended_if_agreed(tree), DROP_IN) == (["SystemCallFilter=@basic-io"], ["#SystemCallFilter=@basic-io"])


@pytest.mark.parametrize(
    "lines",
    [
        ("ProtectHome=read-only",),
        ("ProtectHome=yes", "ProtectHome=no"),
        ("ProtectSystem=strict",),
        ("PrivateTmp=yes", "PrivateDevices=yes", "ProtectKernelTunables=yes", "ProtectControlGroups=yes"),
        ("InaccessiblePaths=-/nowhere",),
        ("BindReadOnlyPaths=-/nowhere:/etc",),
        ("InaccessiblePaths=/home", "InaccessiblePaths="),
        ("ReadOnlyPaths=/etc /usr",),
        ("CapabilityBoundingSet=~CAP_SYS_MODULE CAP_SYS_BOOT",),
        ("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",),
        ("SystemCallFilter=~@obsolete @clock @swap",),
        ("SystemCallFilter=~@privileged", f"SystemCallFilter={PRIVILEGED}"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=@mount"),
        ("MemoryMax=512M", "TasksMax=500", "LimitNOFILE=65536", "LimitNPROC=1000"),
        ("WorkingDirectory=-/nowhere",),
        ("WorkingDirectory=/etc",),
    ],
)
def test_what_must_not_alarm(lines: tuple[str, ...]) -> None:
    assert causes(server(by(*lines))) == []
    assert gaps_of(by(*lines)) == []


@pytest.mark.parametrize(
    "lines",
    [
        ("SystemCallFilter=~@privileged", "SystemCallFilter=chown chroot setfsuid setgroups setresuid setreuid setuid"),
        ("SystemCallFilter=~@file-system", "SystemCallFilter=@nosuch @file-system"),
    ],
)
def test_what_may_still_be_missing_is_not_judged(lines: tuple[str, ...]) -> None:
    # Measured: with the calls that Debian 12 needs alone, nobody gets in to Debian 13.
    assert causes(server(by(*lines))) == []
    assert ("service", "unit-settings") in gaps_of(by(*lines))


def test_a_socket_activated_service_counts_alike() -> None:
    assert causes(server({"/etc/systemd/system/service.d/all.conf": "[Service]\nProtectHome=yes\n"})) == [CHECK]
