"""Configurations for sshd, made by chance or by name, and our reading of one held against the real sshd's.

Shared by the differential test, which takes a sample, and `scripts/fuzz-sshd`, which takes thousands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from shutil import rmtree

from hypothesis import strategies as st

from rescue.formats.packages import OpenSSH
from rescue.sshd import Effective, Server
from rescue.sshd.commandline import Options
from rescue.sshd.language.faults import Fault
from rescue.sshd.language.keywords import GLOBAL, MATCHABLE, Keyword, Repeat, ValueKind
from rescue.sshd.language.match import Connection
from rescue.sshd.listen import configured
from rescue.tree import Tree
from tests.system.sshd_root import CORPORA, GROUPS, USER, Answer, SshdRoot


@dataclass(frozen=True)
class Who:
    """A connection, as `sshd -T -C` takes it."""

    user: str = USER
    groups: frozenset[str] = GROUPS
    client: str = "203.0.113.7"
    host: str = "laptop.example.org"
    server: str = "192.0.2.1"
    port: int = 2222

    @property
    def words(self) -> dict[str, str]:
        addresses = {"addr": self.client, "host": self.host, "laddr": self.server}
        return {"user": self.user, **addresses, "lport": str(self.port)}

    @property
    def connection(self) -> Connection:
        client, server = ip_address(self.client), ip_address(self.server)
        return Connection(self.user, self.groups, client, self.host, server, self.port)


SOMEBODY = Who()
ROOT = Who("root", frozenset({"root"}), "2001:db8::7", "host.example.net", "2001:db8::1", 22)
NOBODY = Who("nosuch", frozenset(), "10.0.0.1", "10.0.0.1", "127.0.0.1", 22)

UNCOMPARED = {"hostkey", "include", "match", "rdomain", "listenaddress", "persourcepenalties"}
"""hostkey is given on the command line; listenaddress is compared as sockets; of penalties we keep the lines only."""

LISTS = (
    ValueKind.CIPHERS,
    ValueKind.MACS,
    ValueKind.EXCHANGES,
    ValueKind.KEY_ALGORITHMS,
    ValueKind.CA_ALGORITHMS,
    ValueKind.GSSAPI_EXCHANGES,
)
"""Kinds that `sshd -T` prints as the whole list that comes of a line; compared where the line is that list."""

NAMES_FOR = {
    "without-password": "prohibit-password",
    "silent": "quiet",
    "debug": "debug1",
    "delayed": "yes",
    "(null)": "none",
}


def reading(files: Mapping[str, bytes], root: SshdRoot) -> Server:
    others: dict[str, str | bytes] = {
        "/etc/services": root.services,
        "/etc/passwd": (root.path / "etc/passwd").read_text(),
    }
    tree = Tree.of(others | {f"/etc/ssh/{name}": data for name, data in files.items()})
    return Server(tree, OpenSSH(*root.version, "debian", "test"))


def compare(root: SshdRoot, case: Path, files: Mapping[str, bytes], who: Who = SOMEBODY) -> bool:
    """Whether sshd takes the files. Fails where it says anything else of them and of the connection than we do."""
    rmtree(case, ignore_errors=True)
    for name, data in files.items():
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        (case / name).write_bytes(data)
    answer = root.ask(case, **who.words)
    server = reading(files, root)
    # Files that include each other in a circle after another file of the same pattern: sshd loads them, as that one is
    # taken from its memory, and ends each connection at the second reading (servconf.c). Nobody gets in either way.
    starts = root.starts(case) and "Too many recursive configuration includes" not in answer.complaint
    said = "\n".join(f"{problem.location}: {problem.text}" for problem in server.problems)
    # What stops the connection alone, of the old sshd, is called undecided.
    undecided = any(problem.fault is Fault.UNDECIDED for problem in server.problems)
    assert undecided or (not server.fatal) == answer.accepted, f"sshd: {answer.complaint}\nours: {said}"
    assert (not server.fatal) == starts, f"sshd -t: {starts}\nours: {said}"
    if answer.accepted:
        _same_values(server.effective_for(who.connection), answer)
        _same_listeners(server, answer)
    return answer.accepted


def _same_values(effective: Effective, answer: Answer) -> None:
    for keyword in (*GLOBAL, *MATCHABLE):
        if keyword.key not in answer.values or keyword.key in UNCOMPARED:
            continue
        own_list = keyword.kind in LISTS or keyword.kind is ValueKind.QOS or keyword.key.endswith("path")
        if own_list and not _whole(effective, keyword):
            continue
        theirs = [value.lower() for value in answer.values[keyword.key]]
        theirs = [NAMES_FOR.get(value, value).replace("//", "/") for value in theirs]
        lines = effective.all(keyword.name)
        ours = [" ".join(line.words).lower() for line in lines]
        if keyword.store is Repeat.ALL:
            ours = [word.lower() for line in lines for word in line.words]
            # Names of users and the like: one of them may read as a level of the log.
            if keyword.key.startswith(("allow", "deny")):
                theirs = [value.lower() for value in answer.values[keyword.key]]
        elif keyword.kind is ValueKind.REKEY and len(lines[0].words) == 1:
            ours = [f"{ours[0]} 0"]
        elif keyword.kind is ValueKind.SET_ENV:
            ours = [word.lower() for line in lines for word in line.words]
        assert ours == theirs, keyword.name


def _whole(effective: Effective, keyword: Keyword) -> bool:
    """Whether a line gives the list by itself, as it stands."""
    words = effective.words(keyword.name)
    return len(words) > 0 and words[0][:1] not in ("+", "-", "^") and not set(words[0]) & set("*?!")


def _same_listeners(server: Server, answer: Answer) -> None:
    family = server.globals("AddressFamily")
    hosts = {"inet": ["0.0.0.0"], "inet6": ["[::]"]}.get(family[0].words[0] if family else "", ["0.0.0.0", "[::]"])
    ours = set()
    for each in configured(server, Options()):
        places = hosts if each.address is None else [f"[{each.address}]" if ":" in each.address else each.address]
        ours |= {f"{place}:{each.port}" for place in places}
    theirs = set(answer.values["listenaddress"])
    if family and any(line.words[0] == "*" for line in server.globals("ListenAddress")):
        return  # a star is as many addresses as the family has
    assert ours == theirs


# -- generated configurations ----------------------------------------------------------------------------------

WORDS = st.sampled_from([
    "yes", "no", "YES", "No", "none", "any", "true", "22", "2222", "0", "65536", "ssh", "alice", "bob", "root",
    "al*", "alice@203.0.113.0/24", "alice@203.0.113.7/24", "*@*.example.org", "sudo", "users", "!sudo", "alice,bob",
    "prohibit-password", "without-password", "forced-commands-only", "2m", "1h30m", "90", "-5", "1G", "10:30:60",
    "5", "5:200:10", "/etc/banner", "relative", "~/keys", "%h/.ssh/keys", ".ssh/authorized_keys", "publickey",
    "publickey,password", "keyboard-interactive", "publickey,keyboard-interactive", "LANG", "LC_*", "A=b", "inet",
    "inet6", "0.0.0.0", "::", "[::1]:2022", "127.0.0.1:2022", "sftp", "internal-sftp", "/usr/lib/sftp", "INFO",
    "verbose", "DEBUG", "AUTH", "local0", "aes128-ctr", "aes128-ctr,arcfour", "+aes128-cbc", "ssh-rsa", "-ssh-rsa",
    "ssh-dss", "hmac-sha2-256", "curve25519-sha256", "sntrup761x25519-sha512@openssh.com", "local", "remote", "all",
    "clientspecified", "ethernet", "0177", "999", "sha256", "touch-required", "session=5m", "af21", "0x10", "host:80",
    "*:80", "default", "delayed", "", "a b", "tab\there", "it's", "#no", "x#y", "back\\slash", "quo\"te", "=",
])  # fmt: skip

NAMES = st.one_of(
    st.sampled_from([keyword.name for keyword in (*GLOBAL, *MATCHABLE) if keyword.name not in ("Match", "Include")]),
    st.sampled_from([
        "Protocol", "UsePrivilegeSeparation", "RSAAuthentication", "ChallengeResponseAuthentication", "KeepAlive",
        "SkeyAuthentication", "PubkeyAcceptedKeyTypes", "HostDSAKey", "AuthorizedKeysFile2", "PermitRootLogn", "Foo",
        "permitrootlogin", "PASSWORDAUTHENTICATION", "usepam",
    ]),
)  # fmt: skip

PLAUSIBLE: dict[ValueKind, list[str]] = {
    ValueKind.FLAG: ["yes", "no", "Yes"],
    ValueKind.ROOT_LOGIN: ["yes", "no", "prohibit-password", "without-password", "forced-commands-only"],
    ValueKind.PORT: ["22", "2222", "ssh", "022"],
    ValueKind.INTEGER: ["0", "3", "10"],
    ValueKind.TIME: ["0", "30", "2m", "1h30m", "1w2d"],
    ValueKind.TIME_OR_NONE: ["none", "0", "5m"],
    ValueKind.USERS: ["alice", "bob", "root", "a*", "alice@203.0.113.0/24", "alice bob", "*@laptop.*"],
    ValueKind.GROUPS: ["sudo", "users", "s* u?ers", "nosuch"],
    ValueKind.KEY_FILES: [".ssh/authorized_keys", "none", "/etc/keys/%u .ssh/keys", "~/keys"],
    ValueKind.METHODS: [
        "any", "publickey", "publickey,password", "publickey password", "publickey,keyboard-interactive",
    ],
    ValueKind.SUBSYSTEM: ["sftp internal-sftp", "sftp /usr/lib/sftp -f x", "other /bin/other"],
    ValueKind.STARTUPS: ["10", "10:30:60", "0", "5:50:10"],
    ValueKind.LISTEN: ["0.0.0.0", "::", "127.0.0.1:2022", "[::1]:2022", "10", "*", "1.2.3.4.5"],
    ValueKind.ACCEPT_ENV: ["LANG LC_*", "X"],
    ValueKind.SET_ENV: ["A=b", "A=b A=c", "B=c D=e"],
    ValueKind.LOG_LEVEL: ["INFO", "verbose", "debug", "quiet"],
    ValueKind.FACILITY: ["AUTH", "local3"],
    ValueKind.ADDRESS_FAMILY: ["any", "inet", "inet6"],
    ValueKind.FORWARDING: ["yes", "no", "local", "remote", "all"],
    ValueKind.GATEWAY: ["yes", "no", "clientspecified"],
    ValueKind.CIPHERS: ["aes128-ctr", "aes256-gcm@openssh.com,aes128-ctr", "+aes128-cbc", "arcfour"],
    ValueKind.MACS: ["hmac-sha2-256", "hmac-ripemd160", "-hmac-sha1*"],
    ValueKind.EXCHANGES: [
        "curve25519-sha256", "sntrup761x25519-sha512", "mlkem768x25519-sha256",
        "sntrup4591761x25519-sha512@tinyssh.org", "^diffie-hellman-group14-sha256",
    ],
    ValueKind.KEY_ALGORITHMS: ["ssh-ed25519", "+ssh-rsa", "ssh-ed25519,ssh-dss", "ecdsa-*", "nosuch"],
    ValueKind.CA_ALGORITHMS: ["ssh-ed25519", "+ssh-rsa"],
    ValueKind.REKEY: ["1G", "default none", "512M 1h", "1"],
    ValueKind.OPEN: ["any", "none", "host:80", "host:80 [::1]:22", "host"],
    ValueKind.LISTEN_FORWARD: ["any", "80", "*:80", "host:http"],
    ValueKind.COMMAND: ["none", "/usr/bin/keys %u", "relative"],
    ValueKind.TEXT: ["none", "internal-sftp -f x", "/bin/echo \"a b\""],
    ValueKind.PENALTIES: ["no", "yes", "authfail:5s crash:10", "foo:1"],
    ValueKind.KEY_OPTIONS: ["none", "touch-required", "verify-required touch-required"],
    ValueKind.CHANNEL_TIMEOUT: ["none", "session=5m", "session=5m direct-tcpip=1h", "x"],
    ValueKind.RHOSTS: ["yes", "no", "shosts-only"],
    ValueKind.QOS: ["af21", "lowdelay throughput", "none", "0x10", "16 cs1", "le", "256", "reliability", "EF 010"],
    ValueKind.BLOCK_SIZE: ["32", "24:56", "33:1", "0:0"],
    ValueKind.VERSION_TEXT: ["none", "My own text", "x"],
    ValueKind.OCTAL: ["0177", "0077", "8", "1777"],
}  # fmt: skip


@st.composite
def plausible(draw: st.DrawFn) -> str:
    keyword = draw(st.sampled_from([each for each in (*GLOBAL, *MATCHABLE) if each.name not in ("Match", "Include")]))
    value = draw(st.sampled_from(PLAUSIBLE.get(keyword.kind, ["yes", "/a/path", "none"])))
    return keyword.name + draw(st.sampled_from([" ", "\t", "=", " = ", "  "])) + value


@st.composite
def odd(draw: st.DrawFn) -> str:
    words = draw(st.lists(WORDS, max_size=3))
    quoted = [draw(st.sampled_from(['"{}"', "'{}'", "{}", "{}", "{}"])).format(word) for word in words]
    separator = draw(st.sampled_from([" ", "\t", "=", " = ", " =", "", " == "]))
    end = draw(st.sampled_from(["", "", "", " ", "\r", " # why", "\f", " \\"]))
    return draw(st.sampled_from(["", "", " ", "\t"])) + draw(NAMES) + separator + " ".join(quoted) + end


MATCHES = st.sampled_from([
    "all", "ALL", "User alice", "User bob", "User !alice,*", "user al*,!alicia", "Group sudo", "Group !sudo,*",
    "Group wheel", "Host *.example.org", "Host LAPTOP.example.org", "Address 203.0.113.0/24", "Address 203.0.113.*",
    "Address !203.0.113.7,*", "Address 10.0.0.1/8", "LocalPort 2222", "LocalPort 22", "LocalAddress 192.0.2.1",
    "User alice Group sudo", "User alice Address 10.0.0.0/8", "User=alice", "user = alice", "User", "Usr alice",
    "all User alice", "User alice # note", "", "Address ,", "LocalPort x", "User \"alice\"", "User \"alice,bob\"",
])  # fmt: skip
INCLUDES = st.sampled_from([
    "a.conf", "sshd_config.d/*.conf", "/etc/ssh/b.conf", "nothing*", "a.conf b.conf", "\"a.conf\"", "sshd_config.d",
    "", "sshd_config.d/[0-2]*.conf", "sshd_config",
])  # fmt: skip
LINES = st.one_of(
    plausible(), plausible(), plausible(), plausible(), plausible(), plausible(), odd(),
    MATCHES.map("Match {}".format), MATCHES.map("Match {}".format), INCLUDES.map("Include {}".format),
    st.sampled_from(["", "# comment", "   ", "\"Port\" 23", "\"unclosed", "=Port 24", "Port\x0022", "\ufeffPort 22"]),
)  # fmt: skip
GENTLE_LINES = st.one_of(
    plausible(), plausible(), plausible(), plausible(),
    MATCHES.map("Match {}".format), INCLUDES.map("Include {}".format),
)  # fmt: skip
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n"])


@st.composite
def config(draw: st.DrawFn, lines: st.SearchStrategy[str], most: int) -> bytes:
    end = draw(ENDS)
    text = end.join(draw(st.lists(lines, max_size=most))) + draw(st.sampled_from([end, ""]))
    return text.encode("utf-8", "surrogateescape")


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, bytes]:
    lines = draw(st.sampled_from([LINES, GENTLE_LINES]))
    files = {"sshd_config": draw(config(lines, 6))}
    for name in ("a.conf", "b.conf", "sshd_config.d/10-x.conf", "sshd_config.d/9-y.conf", "sshd_config.d/Z.conf"):
        if draw(st.booleans()):
            files[name] = draw(config(lines, 3))
    return files


def corpus() -> list[Path]:
    return sorted(path for path in (CORPORA / "sshd").rglob("*") if path.is_file()) if CORPORA.is_dir() else []


# -- trees of files --------------------------------------------------------------------------------------------

TREE = ("a.conf", "b.conf", "sshd_config.d/10-x.conf", "sshd_config.d/9-y.conf", "sshd_config.d/Z.conf", "deep/c.conf")
AIMS = st.sampled_from([
    "a.conf", "b.conf", "deep/*.conf", "sshd_config.d/*.conf", "/etc/ssh/deep/c.conf", "*.conf", "deep/../a.conf",
    "sshd_config.d/[!9]*", "sshd_config.d/?-y.conf", "'b.conf'", "nothing b.conf",
])  # fmt: skip


@st.composite
def nests(draw: st.DrawFn) -> dict[str, bytes]:
    """Files that include each other, from inside Match blocks and outside; most are taken by sshd."""
    line = st.one_of(
        plausible(), plausible(), plausible(), MATCHES.map("Match {}".format), AIMS.map("Include {}".format),
        st.sampled_from(["Match all", "Match User alice", "Match User root", "Match Group sudo", "Match Address 10.*"]),
    )  # fmt: skip
    files = {"sshd_config": draw(config(line, 8))}
    for name in TREE:
        if draw(st.booleans()):
            files[name] = draw(config(line, 4))
    return files


QUOTING = st.text(st.sampled_from(list("ab1 \t\"'\\#=,*?!@%/~.-:\r\f$\x00\x80")), max_size=14)


@st.composite
def quoted(draw: st.DrawFn) -> str:
    """A line whose quotation marks, escapes and blanks are what matters."""
    keyword = draw(st.sampled_from([
        "AllowUsers", "DenyGroups", "AuthorizedKeysFile", "Banner", "ForceCommand", "Subsystem", "SetEnv", "AcceptEnv",
        "Match User", "Match", "Match Group", "Include", "ChrootDirectory", "AuthenticationMethods", "PermitOpen",
        "AuthorizedKeysCommand", "TrustedUserCAKeys", "LogVerbose", "X11Forwarding", "Port", "ListenAddress", "IPQoS",
        "RekeyLimit", "VersionAddendum", "PermitUserEnvironment", "UsePAM", "MaxStartups", "HostKeyAgent",
    ]))  # fmt: skip
    start, separator = draw(st.sampled_from(["", " ", '"'])), draw(st.sampled_from([" ", "=", '" ', "\t"]))
    return start + keyword + separator + draw(QUOTING)


PEOPLE = st.sampled_from([SOMEBODY, SOMEBODY, ROOT, NOBODY])
