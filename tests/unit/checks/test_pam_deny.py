import pytest

from rescue.model import Safety, Symptom
from rescue.planner import any_repairs
from tests.checking import causes, diff, mended, mended_if_agreed, only_finding
from tests.pam_files import COMMON_ACCOUNT, SSHD, with_pam
from tests.trees import DPKG_STATUS, SSHD_CONFIG, server

pytestmark = pytest.mark.unit

COMMON = "/etc/pam.d/common-account"


def test_debians_own_files_are_no_finding() -> None:
    assert causes(server(with_pam())) == []


def test_a_line_put_between_makes_the_jump_end_at_pam_deny() -> None:
    jump, rest = COMMON_ACCOUNT.split("\n", 1)
    tree = server(with_pam(common_account=f"{jump}\naccount required pam_permit.so\n{rest}"))
    finding = only_finding(tree, "pam-deny")
    assert finding.symptom is Symptom.CLOSED
    assert str(finding.locations[0]) == f"{COMMON}:3"
    assert diff(mended_if_agreed(tree), COMMON) == ([jump], [jump.replace("success=1", "success=2")])


@pytest.mark.parametrize("line", ["account required pam_deny.so", "session requisite pam_deny.so"])
def test_a_line_written_on_purpose_goes_only_if_somebody_says_so(line: str) -> None:
    tree = server(with_pam(sshd=f"{line}\n{SSHD}"))
    assert [each.safety for each in only_finding(tree, "pam-deny").repairs] == [Safety.UNSAFE]
    assert diff(mended(tree, choose=any_repairs), "/etc/pam.d/sshd") == ([line], [f"#{line}"])


def test_where_sshd_has_no_rules_of_its_own_those_for_others_count() -> None:
    own = with_pam()
    denies = "".join(f"{stack} required pam_deny.so\n" for stack in ("auth", "account", "session"))
    assert causes(server({**own, "/etc/pam.d/sshd": None})) == []
    assert causes(server({**own, "/etc/pam.d/sshd": None, "/etc/pam.d/other": SSHD})) == []
    assert causes(server({**own, "/etc/pam.d/sshd": None, "/etc/pam.d/other": denies})) == ["pam-deny", "pam-deny"]


def test_the_service_may_be_called_otherwise() -> None:
    newer = DPKG_STATUS.replace("1:9.2p1-2+deb12u6", "1:10.0p1-7")
    config = SSHD_CONFIG + "PAMServiceName mine\n"
    mine = with_pam(mine="account required pam_deny.so\nsession required pam_permit.so\n")
    tree = server({**mine, "/etc/ssh/sshd_config": config,
                   "/var/lib/dpkg/status": newer})  # fmt: skip
    assert causes(tree) == ["pam-deny"]


def test_an_expired_account_is_not_its_fault() -> None:
    shadow = "root:*:19700:0:99999:7:::\nalice:*:19700:0:99999:7::19800:\n"
    assert "pam-deny" not in causes(server({**with_pam(), "/etc/shadow": shadow}))
