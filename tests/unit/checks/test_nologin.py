from typing import Any

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import directory, symlink
from tests.checking import causes, changed_paths, mended, only_finding
from tests.pam_files import SSHD, with_pam
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

NOLOGIN = "/etc/nologin"


def test_the_file_keeps_people_out_and_is_removed() -> None:
    tree = server({NOLOGIN: "\nback at noon\n"})
    finding = only_finding(tree, "nologin")
    assert (finding.severity, finding.symptom) == (Severity.BROKEN, Symptom.CLOSED)
    assert finding.locations[0].text == "back at noon"
    assert changed_paths(mended(tree)) == [NOLOGIN]


def test_root_is_not_kept_out() -> None:
    assert causes(server({NOLOGIN: ""}), Client(user="root")) == []
    assert causes(server({NOLOGIN: ""}), Client(user="alice")) == ["nologin"]


def test_where_only_root_logs_in_it_is_a_doubt() -> None:
    finding = only_finding(server({NOLOGIN: "", "/home/alice/.ssh/authorized_keys": None}), "nologin")
    assert finding.severity is Severity.DOUBTFUL
    assert finding.reason


def test_without_pam_it_keeps_people_out_too() -> None:
    tree = server({NOLOGIN: "", "/etc/ssh/sshd_config": SSHD_CONFIG.replace("UsePAM yes", "UsePAM no"),
                   "/etc/shadow": "alice:*:19700:0:99999:7:::\n"})  # fmt: skip
    assert "nologin" in causes(tree, Client(user="alice"))


def test_a_link_to_nothing_is_no_file_and_a_directory_is_one() -> None:
    assert causes(server({NOLOGIN: symlink("/run/gone")})) == []
    assert causes(server({NOLOGIN: directory()})) == ["nologin"]


def test_a_link_is_removed_and_what_it_names_stays() -> None:
    tree = server({NOLOGIN: symlink("/etc/motd"), "/etc/motd": "hello\n"})
    assert changed_paths(mended(tree)) == [NOLOGIN]


def with_systemd(version: str) -> dict[str, Any]:
    return {
        NOLOGIN: "back at noon\n",
        "/var/lib/dpkg/status": f"Package: systemd\nStatus: install ok installed\nVersion: {version}\n",
        "/usr/lib/systemd/system/systemd-user-sessions.service": "[Service]\nExecStart=/bin/true\n",
        "/usr/lib/systemd/system/multi-user.target.wants/systemd-user-sessions.service": symlink(
            "../systemd-user-sessions.service"
        ),
    }


@pytest.mark.parametrize(
    ("version", "severity"),
    [("252.39-1~deb12u2", Severity.DOUBTFUL), ("254-1", Severity.BROKEN), ("257.8-1", Severity.BROKEN)],
)
def test_an_older_systemd_removes_it_at_boot(version: str, severity: Severity) -> None:
    finding = only_finding(server(with_systemd(version)), "nologin")
    assert (finding.severity, "at boot" in finding.reason) == (severity, severity is Severity.DOUBTFUL)


@pytest.mark.parametrize(
    "line, found", [("account required pam_permit.so", ["nologin"]), ("account sufficient pam_permit.so", [])]
)
def test_with_pam_the_file_counts_where_its_module_is_asked(line: str, found: list[str]) -> None:
    tree = server({**with_pam(sshd=f"{line}\n{SSHD}"), "/etc/nologin": "closed\n"})
    assert causes(tree, Client(user="alice")) == found
