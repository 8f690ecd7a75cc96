"""What crypt(5) makes of a password field: whether it is a hash, and which library knows its scheme.

Forms: crypt(5) of libxcrypt; verify_pwd_hash in passverify.c of Linux-PAM for the traditional ones. A hash is looked at
and dropped: nothing here keeps one.
"""

from __future__ import annotations

from re import compile as compile_pattern

from rescue.tree import Read, Tree

_SCHEMES = {
    "1": "md5", "2a": "bcrypt", "2b": "bcrypt", "2x": "bcrypt", "2y": "bcrypt", "5": "sha256", "6": "sha512",
    "7": "scrypt", "gy": "gost-yescrypt", "y": "yescrypt", "sha1": "sha1", "3": "nt", "md5": "sunmd5",
}  # fmt: skip

_B64 = "[./0-9A-Za-z]"
_FORMS = {
    "md5": compile_pattern(rf"\$1\$[^$]*\${_B64}{{22}}"),
    "bcrypt": compile_pattern(rf"\$2[abxy]\$[0-9]{{2}}\${_B64}{{53}}"),
    "sha256": compile_pattern(rf"\$5\$(?:rounds=[0-9]+\$)?[^$]*\${_B64}{{43}}"),
    "sha512": compile_pattern(rf"\$6\$(?:rounds=[0-9]+\$)?[^$]*\${_B64}{{86}}"),
    "yescrypt": compile_pattern(rf"\$y\${_B64}+\${_B64}*\${_B64}{{43}}"),
    "gost-yescrypt": compile_pattern(rf"\$gy\${_B64}+\${_B64}*\${_B64}{{43}}"),
    "scrypt": compile_pattern(rf"\$7\${_B64}{{11}}[^$]*\${_B64}{{43}}"),
    "sha1": compile_pattern(rf"\$sha1\$[0-9]+\${_B64}+\${_B64}{{28}}"),
    "bsdi": compile_pattern(rf"_{_B64}{{19}}"),
    "des": compile_pattern(rf"{_B64}{{13}}(?:{_B64}{{11}})*"),
}
"""What a whole hash of each scheme looks like. "des" with more than one block is bigcrypt, which pam_unix checks."""

LEFT_OUT = "left-out"
"""What a support bundle has in place of a hash, behind the mark of its scheme."""

LOCKS = ("x", "NP", "LK", "U")
"""What administrators and other systems write for "no password", beside anything that begins with "*" or "!"."""

FOLDERS = (
    "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
    "/usr/lib64", "/lib64", "/usr/lib",
)  # fmt: skip
LIBRARIES = tuple(f"{folder}/libcrypt.so.{number}" for folder in FOLDERS for number in (1, 2))
"""Where the library is that checks passwords, by distribution and machine."""
LIMIT = 1 << 20

_GLIBC = frozenset({"des", "md5", "sha256", "sha512"})
_GLIBC_UNSURE = frozenset({"bcrypt", "unknown"})
"""Some distributions had patches of their own for these in glibc's libcrypt."""
_MUSL = frozenset({"des", "md5", "bcrypt", "sha256", "sha512"})
_NEW = frozenset({"yescrypt", "gost-yescrypt"})
_OF_GLIBC = compile_pattern(r"libcrypt-[0-9.]+\.so")


def scheme_of(word: str) -> str:
    """How a password is hashed, by the form of its field: "yescrypt"; "unknown" for a prefix that nobody uses."""
    if word.startswith("$"):
        return _SCHEMES.get(word.split("$")[1].partition(",")[0], "unknown")
    return "des"


def flaw(word: str) -> str:
    """Why no password can match the field, for the middle of a sentence; "" where one can, or where none is meant to.

    A field that begins with "*" or "!", or that is empty, is no flaw: somebody meant it.
    """
    if not word or word[0] in "*!" or word in LOCKS:
        return ""
    scheme = scheme_of(word)
    if scheme == "unknown":
        return "the password is hashed by a scheme that crypt(5) does not know"
    form = _FORMS.get("bsdi" if word.startswith("_") else scheme)
    if form is None or form.fullmatch(word) is not None or word.endswith((f"${LEFT_OUT}", f"_{LEFT_OUT}")):
        return ""
    if word.startswith("$"):
        return f"the {scheme} hash of the password is incomplete or damaged"
    return "the password field holds no hash (a password must not be written there as it is)"


def schemes(tree: Tree, distribution: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """The schemes that the server's libcrypt knows and those of which that can't be said; None where no library is
    found. A libxcrypt knows all but, before 4.2, yescrypt. Raises NotCaptured.
    """
    if distribution == "alpine":
        return _MUSL, frozenset({"unknown"})
    tree.require(*(Read(path, depth=0, limit=LIMIT) for path in LIBRARIES))
    path = next((path for path in LIBRARIES if tree.entry(path) is not None), None)
    if path is None:
        return None
    if _OF_GLIBC.fullmatch(tree.resolve(path).name) is not None:
        return _GLIBC, _GLIBC_UNSURE
    data = tree.data_if_read(path)
    if not data:
        return None
    every = frozenset(_SCHEMES.values()) | {"des"}
    return (every if b"yescrypt" in data else every - _NEW), frozenset({"unknown", "nt", "sunmd5", "sha1"})
