"""OpenSSL's settings, which sshd starts with."""

from __future__ import annotations

import pytest

from tests.judging import gaps_of

pytestmark = pytest.mark.unit

FILE = "/etc/ssl/openssl.cnf"
STOCK = """\
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
ssl_conf = ssl_sect
[provider_sect]
default = default_sect
legacy = legacy_sect
[default_sect]
# activate = 1
[legacy_sect]
# activate = 1
[ssl_sect]
system_default = system_default_sect
[system_default_sect]
MinProtocol = TLSv1.2
CipherString = DEFAULT@SECLEVEL=2
[ tsa_config1 ]
dir = ./demoCA
"""
LEGACY = STOCK.replace("[legacy_sect]\n# activate", "[legacy_sect]\nactivate")


@pytest.mark.parametrize("text", [
    LEGACY,
    "openssl_conf = x\n[x]\nproviders = y\n[y]\nbase = z\n[z]\nactivate = 1\n",
    STOCK + "[evp]\nfips_mode = yes\n",
    STOCK + "[evp]\ndefault_properties = fips=yes\n",
    STOCK.replace("providers =", "engines = engine_sect\nproviders ="),
])  # fmt: skip
def test_what_may_leave_no_algorithm(text: str) -> None:
    """With the first two sshd of Debian 12 does not start: "PRNG is not seeded"."""
    assert gaps_of({FILE: text}) == [("service", "openssl-settings")]


@pytest.mark.parametrize("text", [
    STOCK,
    LEGACY.replace("[default_sect]\n# activate", "[default_sect]\nactivate"),
    "",
])  # fmt: skip
def test_what_leaves_them(text: str) -> None:
    assert gaps_of({FILE: text}) == []
