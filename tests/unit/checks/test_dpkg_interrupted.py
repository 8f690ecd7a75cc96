import pytest

from rescue.model import Safety, Severity
from rescue.tree import Entry, Tree, directory
from tests.checking import causes, only_finding
from tests.trees import DPKG_STATUS, server

pytestmark = pytest.mark.unit

ID = "dpkg-interrupted"


def package(name: str, state: str) -> str:
    return f"\nPackage: {name}\nStatus: {state}\nArchitecture: amd64\nVersion: 1\n"


def installed(*said: str, updates: dict[str, Entry | str | bytes] | None = None) -> Tree:
    return server({"/var/lib/dpkg/status": DPKG_STATUS + "".join(said), **(updates or {})})


@pytest.mark.parametrize("state", ["half-installed", "half-configured", "unpacked"])
@pytest.mark.parametrize("name", ["libc6", "systemd", "libpam0g", "libpam-modules", "libssl3t64", "udev", "login"])
def test_what_every_login_needs_is_half_done(name: str, state: str) -> None:
    tree = installed(package("bash", "install ok installed"), package(name, f"install ok {state}"))
    finding = only_finding(tree, ID)
    assert finding.severity is Severity.DOUBTFUL
    assert f"{name} ({state})" in finding.message
    assert "bash" not in finding.message
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


@pytest.mark.parametrize(
    "said",
    [
        package("libc6", "install ok installed"),
        package("libc6", "install ok triggers-pending"),
        package("libc6", "hold ok installed"),
        package("systemd", "deinstall ok config-files"),
        package("systemd", "install ok triggers-awaited"),
        package("linux-headers-amd64", "install ok half-configured"),
        package("libpam-doc", "install ok unpacked"),
        package("postgresql-15", "install reinstreq half-installed"),
        "\nStatus: install ok unpacked\n",
        "\nPackage: libc6\nDescription: x\n Status: install ok unpacked\n",
    ],
)
def test_what_is_done_or_what_no_login_needs(said: str) -> None:
    assert causes(installed(said)) == []


def test_a_run_that_did_not_reach_the_status_file_counts() -> None:
    begun: dict[str, Entry | str | bytes] = {
        "/var/lib/dpkg/updates/0000": package("libc6", "install reinstreq half-installed")[1:]
    }
    assert "libc6 (half-installed)" in only_finding(installed(updates=begun), ID).message
    ended: dict[str, Entry | str | bytes] = {
        **begun, "/var/lib/dpkg/updates/0001": package("libc6", "install ok installed")[1:],
        "/var/lib/dpkg/updates/tmp.i": package("udev", "install ok unpacked"),
        "/var/lib/dpkg/updates/0002": directory(),
    }  # fmt: skip
    assert causes(installed(updates=ended)) == []
    assert causes(installed(package("libc6", "install ok unpacked"), updates=ended)) == []


def test_many_packages_are_one_finding() -> None:
    names = ("libc6", "systemd", "udev", "bash", "login", "passwd")
    finding = only_finding(installed(*(package(each, "install ok unpacked") for each in names)), ID)
    assert "and 2 more" in finding.message


def test_without_dpkg_nothing_is_said() -> None:
    assert causes(server({"/var/lib/dpkg/status": "\0\xff\n\nPackage"})) == []
