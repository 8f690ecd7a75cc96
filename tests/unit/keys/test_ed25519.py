import pytest

from rescue.keys.ed25519 import key_pair, new_key_pair
from rescue.keys.host_keys import private_key_type
from rescue.keys.public_keys import check_public_key
from rescue.keys.wire import decode_base64

pytestmark = pytest.mark.unit

# RFC 8032, section 7.1: tests 1, 2, 3, 1024 and SHA(abc).
VECTORS = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
    ("f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
     "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e"),
    ("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"),
]  # fmt: skip


@pytest.mark.parametrize("seed, public", VECTORS)
def test_the_public_key_of_a_seed_is_that_of_rfc_8032(seed: str, public: str) -> None:
    assert key_pair(bytes.fromhex(seed)).public.hex() == public


def test_the_private_file_loads_and_its_public_line_is_a_key() -> None:
    for length in range(12):
        pair = new_key_pair()
        assert private_key_type(pair.private_file("c" * length).encode()) == "ssh-ed25519"
        kind, blob, comment = pair.public_line("root@lab").rstrip("\n").split(" ")
        check_public_key(kind, decode_base64(blob))
        assert comment == "root@lab"


def test_two_new_keys_differ() -> None:
    assert new_key_pair().public != new_key_pair().public


def test_a_key_pair_does_not_show_its_seed() -> None:
    pair = key_pair(bytes(range(32)))
    assert repr(bytes(range(32))) not in repr(pair)
    assert "seed" not in repr(pair)


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        key_pair(b"short")
