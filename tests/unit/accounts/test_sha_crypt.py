"""SHA-512 as crypt(5) has it, held against the vectors of its own paper."""

import pytest

from rescue.accounts.hashes import flaw
from rescue.accounts.sha_crypt import sha512_crypt

pytestmark = pytest.mark.unit

LONG = "a very much longer text to encrypt.  This one even stretches over morethan one line."
VECTORS = [
    ("Hello world!", "saltstring", 5000,
     "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"),
    ("Hello world!", "saltstringsaltstring", 10000,
     "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/"
     "y3RnOaw5v."),
    (LONG, "anotherlongsaltstring", 1400,
     "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1"),
    ("the minimum number is still observed", "roundstoolow", 10,
     "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX."),
]  # fmt: skip


@pytest.mark.parametrize(("password", "salt", "rounds", "hashed"), VECTORS)
def test_the_vectors_of_the_paper(password: str, salt: str, rounds: int, hashed: str) -> None:
    assert sha512_crypt(password.encode(), salt, rounds) == hashed
    assert flaw(hashed) == ""
