"""Our reading of sshd_config against the real one: the same verdict, and the same value for every keyword.

A sample; `scripts/fuzz-sshd` asks about thousands of configurations.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.system.sshd_configs import compare, configurations, corpus, odd, plausible
from tests.system.sshd_root import SshdRoot, sshd_root

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", params=["bookworm", "trixie", "bullseye"])
def root(request: pytest.FixtureRequest) -> SshdRoot:
    return sshd_root(request.param)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ssh") / "case"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=configurations())
@example(files={"sshd_config": b"Port\x0022"})
@example(files={"sshd_config": b"Banner yes\nRevokedKeys keys\n"})
@example(files={"sshd_config": b"PermitListen host:http\n"})
@example(files={"sshd_config": b"Match User alice\nInclude a.conf\n", "a.conf": b"Match all\nX11Forwarding yes\n"})
@example(files={"sshd_config": b"Include a.conf\nX11Forwarding no\n", "a.conf": b"Match all\nX11Forwarding yes\n"})
@example(files={"sshd_config": b"MaxStartups 5:50:10\nMaxStartups 7\n"})
@example(files={"sshd_config": b"Match User alice\nAuthorizedKeysCommand relative\n"})
@example(
    files={
        "sshd_config": b"AuthorizedPrincipalsCommand /x\nAuthorizedPrincipalsCommandUser nobody\n"
        b"AuthorizedPrincipalsCommand relative\n"
    }
)
def test_a_generated_configuration_means_the_same_to_sshd(root: SshdRoot, case: Path, files: dict[str, bytes]) -> None:
    compare(root, case, files)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(line=st.one_of(plausible(), odd()), block=st.booleans())
@example(line="ListenAddress *", block=False)
@example(line="MaxStartups 10abc", block=False)
@example(line='AuthorizedKeysFile == "yes"', block=False)
@example(line="AllowUsers # nobody", block=True)
@example(line="HostCertificate none", block=False)
@example(line="PerSourceNetBlockSize 32", block=False)
@example(line="IPQoS 0x10", block=False)
@example(line="IPQoS 16 lowdelay", block=True)
@example(line="IPQoS 010 reliability", block=False)
@example(line="AuthorizedKeysFile ~", block=False)
@example(line="AuthorizedKeysFile ~alice .ssh/keys", block=True)
@example(line="AuthorizedKeysFile ~alice/keys ~/keys", block=False)
@example(line="Banner ~nosuch/banner", block=False)
@example(line="AllowUsers 1\r1", block=False)
@example(line="Subsystem sftp internal-sftp", block=True)
def test_a_single_line_means_the_same_to_sshd(root: SshdRoot, case: Path, line: str, block: bool) -> None:
    text = f"Match User alice\n{line}\n" if block else f"{line}\n"
    compare(root, case, {"sshd_config": text.encode("utf-8", "surrogateescape")})


@pytest.mark.skipif(not corpus(), reason="the corpus of real configurations is not here (RESCUE_CORPORA)")
@pytest.mark.parametrize("path", corpus(), ids=["/".join(path.parts[-4:]) for path in corpus()])
def test_a_real_configuration_means_the_same_to_sshd(root: SshdRoot, case: Path, path: Path) -> None:
    compare(root, case, {"sshd_config": path.read_bytes()})
