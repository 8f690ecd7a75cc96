"""The keywords of sshd_config: since when, where they are allowed, their values, the effect of a second line.

Source: the tables `keywords` and `fill_default_server_options` in servconf.c of OpenSSH 8.4, 9.2 and 10.0 (Debian's
builds, with their patches), and the release history of the table from 6.6 to 10.5. Everything that depends on a version
is read from here; no other module of this package names a keyword's version.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import cache

from rescue.sshd.language.algorithms import ALWAYS, NEVER
from rescue.sshd.language.syntax import Version


class ValueKind(Enum):
    """The kind of value of a keyword; `rescue.sshd.language.values` checks each."""

    FLAG = auto()
    ROOT_LOGIN = auto()
    ADDRESS_FAMILY = auto()
    RHOSTS = auto()
    COMPRESSION = auto()
    GATEWAY = auto()
    FORWARDING = auto()
    TUNNEL = auto()
    FACILITY = auto()
    LOG_LEVEL = auto()
    HASH = auto()
    INTEGER = auto()
    TIME = auto()
    TIME_OR_NONE = auto()
    PORT = auto()
    LISTEN = auto()
    WORD = auto()
    FILE = auto()
    FILE_PATTERN = auto()
    ENVIRONMENT_POLICY = auto()
    NAMES = auto()
    KEY_FILES = auto()
    USERS = auto()
    GROUPS = auto()
    ACCEPT_ENV = auto()
    SET_ENV = auto()
    CIPHERS = auto()
    MACS = auto()
    EXCHANGES = auto()
    GSSAPI_EXCHANGES = auto()
    KEY_ALGORITHMS = auto()
    CA_ALGORITHMS = auto()
    KEY_OPTIONS = auto()
    METHODS = auto()
    SUBSYSTEM = auto()
    STARTUPS = auto()
    SOURCE_STARTUPS = auto()
    BLOCK_SIZE = auto()
    PENALTIES = auto()
    ADDRESSES = auto()
    REKEY = auto()
    QOS = auto()
    OCTAL = auto()
    TEXT = auto()
    VERSION_TEXT = auto()
    COMMAND = auto()
    OPEN = auto()
    LISTEN_FORWARD = auto()
    CHANNEL_TIMEOUT = auto()
    ROUTING_DOMAIN = auto()
    INCLUDE = auto()
    MATCH = auto()
    IGNORED = auto()


class Repeat(StrEnum):
    """The effect of a second line with the same keyword."""

    FIRST = "the first line wins"
    LAST = "the last line wins"
    ALL = "every line counts"
    NAMED = "every line that names something new counts"


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword. `match`: the first version that takes it inside a Match block; NEVER if none does.

    default: the arguments that hold where no line sets it, as `sshd -T` spells them; () where nothing or a list that
    the build chooses is meant. lacking: distributions that are known not to carry the patch that adds it.
    """

    name: str
    kind: ValueKind
    store: Repeat = Repeat.FIRST
    default: tuple[str, ...] = ()
    match: Version = NEVER
    added: Version = ALWAYS
    removed: Version = NEVER
    lacking: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.name.lower()


YES, NO, NONE = ("yes",), ("no",), ("none",)
DEBIAN = ("debian", "ubuntu")
RED_HAT = ("rhel", "fedora", "centos", "rocky", "almalinux")
PLAIN = ("alpine", "arch")
"""Distributions that build OpenSSH with hardly a patch."""

HOST_KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key" for kind in ("rsa", "ecdsa", "ed25519"))

GLOBAL: tuple[Keyword, ...] = (
    Keyword("UsePAM", ValueKind.FLAG, default=NO),
    Keyword("Port", ValueKind.PORT, Repeat.ALL, ("22",)),
    Keyword("HostKey", ValueKind.FILE, Repeat.ALL, HOST_KEYS),
    Keyword("HostKeyAgent", ValueKind.FILE, default=NONE),
    Keyword("PidFile", ValueKind.FILE, default=("/run/sshd.pid",)),
    Keyword("ModuliFile", ValueKind.FILE, default=("/etc/ssh/moduli",), added=(8, 6)),
    Keyword("LoginGraceTime", ValueKind.TIME, default=("120",)),
    Keyword("SyslogFacility", ValueKind.FACILITY, default=("AUTH",)),
    Keyword("HostKeyAlgorithms", ValueKind.KEY_ALGORITHMS, added=(7, 0)),
    Keyword("KerberosOrLocalPasswd", ValueKind.FLAG, default=YES),
    Keyword("KerberosTicketCleanup", ValueKind.FLAG, default=YES),
    Keyword("GSSAPICleanupCredentials", ValueKind.FLAG, default=YES),
    Keyword("GSSAPIStrictAcceptorCheck", ValueKind.FLAG, default=YES, added=(6, 9)),
    Keyword("GSSAPIKeyExchange", ValueKind.FLAG, default=NO, lacking=PLAIN, removed=(10, 6)),
    Keyword("GSSAPIStoreCredentialsOnRekey", ValueKind.FLAG, default=NO, lacking=PLAIN, removed=(10, 6)),
    Keyword("GSSAPIKexAlgorithms", ValueKind.GSSAPI_EXCHANGES, lacking=PLAIN, removed=(10, 6)),
    Keyword("GSSAPIDelegateCredentials", ValueKind.FLAG, default=YES, added=(10, 3)),
    Keyword("ListenAddress", ValueKind.LISTEN, Repeat.ALL),
    Keyword("AddressFamily", ValueKind.ADDRESS_FAMILY, default=("any",)),
    Keyword("PrintMotd", ValueKind.FLAG, default=YES),
    Keyword("PrintLastLog", ValueKind.FLAG, default=YES),
    Keyword("IgnoreUserKnownHosts", ValueKind.FLAG, default=NO),
    Keyword("XAuthLocation", ValueKind.FILE, default=("/usr/bin/xauth",)),
    Keyword("StrictModes", ValueKind.FLAG, default=YES),
    Keyword("PermitUserEnvironment", ValueKind.ENVIRONMENT_POLICY, default=NO),
    Keyword("Compression", ValueKind.COMPRESSION, default=YES),
    Keyword("TCPKeepAlive", ValueKind.FLAG, default=YES),
    Keyword("Ciphers", ValueKind.CIPHERS),
    Keyword("MACs", ValueKind.MACS),
    Keyword("KexAlgorithms", ValueKind.EXCHANGES),
    Keyword("MaxStartups", ValueKind.STARTUPS, Repeat.LAST, ("10:30:100",)),
    Keyword("PerSourceMaxStartups", ValueKind.SOURCE_STARTUPS, Repeat.LAST, NONE, added=(8, 5)),
    Keyword("PerSourceNetBlockSize", ValueKind.BLOCK_SIZE, Repeat.LAST, ("32:128",), added=(8, 5)),
    Keyword("PerSourcePenalties", ValueKind.PENALTIES, Repeat.ALL, added=(9, 8)),
    Keyword("PerSourcePenaltyExemptList", ValueKind.ADDRESSES, default=NONE, added=(9, 8)),
    Keyword("UseDNS", ValueKind.FLAG, default=NO),
    Keyword("HostCertificate", ValueKind.FILE, Repeat.ALL),
    Keyword("VersionAddendum", ValueKind.VERSION_TEXT, default=NONE),
    Keyword("FingerprintHash", ValueKind.HASH, Repeat.LAST, ("SHA256",), added=(6, 8)),
    Keyword("SecurityKeyProvider", ValueKind.FILE, default=("internal",), added=(8, 2)),
    Keyword("DebianBanner", ValueKind.FLAG, default=YES, lacking=(*RED_HAT, *PLAIN)),
    Keyword("SshdSessionPath", ValueKind.FILE, added=(9, 8)),
    Keyword("SshdAuthPath", ValueKind.FILE, added=(10, 0)),
)

MATCHABLE: tuple[Keyword, ...] = (
    Keyword("PermitRootLogin", ValueKind.ROOT_LOGIN, default=("prohibit-password",), match=ALWAYS),
    Keyword("LogLevel", ValueKind.LOG_LEVEL, default=("INFO",), match=(7, 6)),
    Keyword("LogVerbose", ValueKind.NAMES, match=ALWAYS, added=(8, 5)),
    Keyword("HostbasedAuthentication", ValueKind.FLAG, default=NO, match=ALWAYS),
    Keyword("HostbasedUsesNameFromPacketOnly", ValueKind.FLAG, default=NO, match=ALWAYS),
    Keyword("HostbasedAcceptedAlgorithms", ValueKind.KEY_ALGORITHMS, match=ALWAYS, added=(8, 5)),
    Keyword("PubkeyAuthentication", ValueKind.FLAG, default=YES, match=ALWAYS),
    Keyword("PubkeyAcceptedAlgorithms", ValueKind.KEY_ALGORITHMS, match=ALWAYS, added=(8, 5)),
    Keyword("PubkeyAuthOptions", ValueKind.KEY_OPTIONS, default=NONE, match=ALWAYS, added=(8, 2)),
    Keyword("KerberosAuthentication", ValueKind.FLAG, default=NO, match=ALWAYS),
    Keyword("GSSAPIAuthentication", ValueKind.FLAG, default=NO, match=ALWAYS),
    Keyword("PasswordAuthentication", ValueKind.FLAG, default=YES, match=ALWAYS),
    Keyword("KbdInteractiveAuthentication", ValueKind.FLAG, default=YES, match=ALWAYS),
    Keyword("IgnoreRhosts", ValueKind.RHOSTS, default=YES, match=(8, 3)),
    Keyword("X11Forwarding", ValueKind.FLAG, default=NO, match=ALWAYS),
    Keyword("X11DisplayOffset", ValueKind.INTEGER, default=("10",), match=ALWAYS),
    Keyword("X11UseLocalhost", ValueKind.FLAG, default=YES, match=ALWAYS),
    Keyword("PermitEmptyPasswords", ValueKind.FLAG, default=NO, match=ALWAYS),
    Keyword("RekeyLimit", ValueKind.REKEY, default=("0", "0"), match=ALWAYS),
    Keyword("AllowTcpForwarding", ValueKind.FORWARDING, default=YES, match=ALWAYS),
    Keyword("AllowStreamLocalForwarding", ValueKind.FORWARDING, default=YES, match=ALWAYS, added=(6, 7)),
    Keyword("AllowAgentForwarding", ValueKind.FLAG, default=YES, match=ALWAYS),
    Keyword("DisableForwarding", ValueKind.FLAG, default=NO, match=ALWAYS, added=(7, 4)),
    Keyword("AllowUsers", ValueKind.USERS, Repeat.ALL, match=ALWAYS),
    Keyword("DenyUsers", ValueKind.USERS, Repeat.ALL, match=ALWAYS),
    Keyword("AllowGroups", ValueKind.GROUPS, Repeat.ALL, match=ALWAYS),
    Keyword("DenyGroups", ValueKind.GROUPS, Repeat.ALL, match=ALWAYS),
    Keyword("GatewayPorts", ValueKind.GATEWAY, default=NO, match=ALWAYS),
    Keyword("Subsystem", ValueKind.SUBSYSTEM, Repeat.NAMED, match=(9, 5)),
    Keyword("MaxAuthTries", ValueKind.INTEGER, default=("6",), match=ALWAYS),
    Keyword("MaxSessions", ValueKind.INTEGER, default=("10",), match=ALWAYS),
    Keyword("Banner", ValueKind.FILE, default=NONE, match=ALWAYS),
    Keyword("ClientAliveInterval", ValueKind.TIME, default=("0",), match=(7, 4)),
    Keyword("ClientAliveCountMax", ValueKind.INTEGER, default=("3",), match=(7, 4)),
    Keyword(
        "AuthorizedKeysFile",
        ValueKind.KEY_FILES,
        default=(".ssh/authorized_keys", ".ssh/authorized_keys2"),
        match=ALWAYS,
    ),
    Keyword("AcceptEnv", ValueKind.ACCEPT_ENV, Repeat.ALL, match=ALWAYS),
    Keyword("SetEnv", ValueKind.SET_ENV, match=ALWAYS, added=(7, 8)),
    Keyword("PermitTunnel", ValueKind.TUNNEL, default=NO, match=ALWAYS),
    Keyword("PermitTTY", ValueKind.FLAG, default=YES, match=ALWAYS),
    Keyword("PermitUserRC", ValueKind.FLAG, default=YES, match=ALWAYS, added=(6, 7)),
    Keyword("Match", ValueKind.MATCH, match=ALWAYS),
    Keyword("PermitOpen", ValueKind.OPEN, default=("any",), match=ALWAYS),
    Keyword("PermitListen", ValueKind.LISTEN_FORWARD, default=("any",), match=ALWAYS, added=(7, 8)),
    Keyword("ForceCommand", ValueKind.TEXT, default=NONE, match=ALWAYS),
    Keyword("ChrootDirectory", ValueKind.WORD, default=NONE, match=ALWAYS),
    Keyword("RevokedKeys", ValueKind.FILE, default=NONE, match=ALWAYS),
    Keyword("TrustedUserCAKeys", ValueKind.FILE, default=NONE, match=ALWAYS),
    Keyword("AuthorizedPrincipalsFile", ValueKind.FILE_PATTERN, default=NONE, match=ALWAYS),
    Keyword("Include", ValueKind.INCLUDE, match=ALWAYS, added=(8, 2)),
    Keyword("IPQoS", ValueKind.QOS, Repeat.LAST, match=ALWAYS),
    Keyword("AuthorizedKeysCommand", ValueKind.COMMAND, default=NONE, match=ALWAYS),
    Keyword("AuthorizedKeysCommandUser", ValueKind.WORD, default=NONE, match=ALWAYS),
    Keyword("AuthorizedPrincipalsCommand", ValueKind.COMMAND, default=NONE, match=ALWAYS, added=(6, 9)),
    Keyword("AuthorizedPrincipalsCommandUser", ValueKind.WORD, default=NONE, match=ALWAYS, added=(6, 9)),
    Keyword("AuthenticationMethods", ValueKind.METHODS, default=("any",), match=ALWAYS),
    Keyword("StreamLocalBindMask", ValueKind.OCTAL, Repeat.LAST, ("0177",), match=ALWAYS, added=(6, 7)),
    Keyword("StreamLocalBindUnlink", ValueKind.FLAG, default=NO, match=ALWAYS, added=(6, 7)),
    Keyword("ExposeAuthInfo", ValueKind.FLAG, default=NO, match=ALWAYS, added=(7, 6)),
    Keyword("RDomain", ValueKind.ROUTING_DOMAIN, match=ALWAYS, added=(7, 7)),
    Keyword("CASignatureAlgorithms", ValueKind.CA_ALGORITHMS, match=ALWAYS, added=(7, 9)),
    Keyword("RequiredRSASize", ValueKind.INTEGER, default=("1024",), match=ALWAYS, added=(9, 1)),
    Keyword("RSAMinSize", ValueKind.INTEGER, default=("1024",), match=ALWAYS, lacking=(*DEBIAN, *PLAIN)),
    Keyword("GSSAPIEnablek5users", ValueKind.FLAG, default=NO, match=ALWAYS, lacking=(*DEBIAN, *PLAIN)),
    Keyword("ChannelTimeout", ValueKind.CHANNEL_TIMEOUT, default=NONE, match=ALWAYS, added=(9, 2)),
    Keyword("UnusedConnectionTimeout", ValueKind.TIME_OR_NONE, default=NONE, match=ALWAYS, added=(9, 2)),
    Keyword("PAMServiceName", ValueKind.WORD, default=("sshd",), match=ALWAYS, added=(9, 8)),
    Keyword("RefuseConnection", ValueKind.FLAG, default=NO, match=ALWAYS, added=(9, 9)),
)

CHALLENGE_RESPONSE = Keyword("ChallengeResponseAuthentication", ValueKind.FLAG, default=YES, removed=(8, 7))
"""Up to 8.6 a setting of its own; later another name of KbdInteractiveAuthentication."""

ALIASES: dict[str, tuple[str, Version, Version]] = {
    "hostdsakey": ("HostKey", ALWAYS, NEVER),
    "dsaauthentication": ("PubkeyAuthentication", ALWAYS, NEVER),
    "keepalive": ("TCPKeepAlive", ALWAYS, NEVER),
    "gssapicleanupcreds": ("GSSAPICleanupCredentials", ALWAYS, (10, 6)),
    "challengeresponseauthentication": ("KbdInteractiveAuthentication", (8, 7), NEVER),
    "skeyauthentication": ("KbdInteractiveAuthentication", (8, 7), NEVER),
    "pubkeyacceptedkeytypes": ("PubkeyAcceptedAlgorithms", (6, 8), NEVER),
    "hostbasedacceptedkeytypes": ("HostbasedAcceptedAlgorithms", (6, 8), NEVER),
}
"""Other spellings, with the versions they hold for. Before 8.5 the "KeyTypes" ones are the only ones."""

GLOBAL_ALIASES = frozenset({"hostdsakey", "dsaauthentication", "keepalive", "gssapicleanupcreds"})
"""Aliases that may not stand inside a Match block, whatever the keyword they stand for may."""

DEPRECATED_GLOBAL = frozenset({
    "pamauthenticationviakbdint", "serverkeybits", "keyregenerationinterval", "rhostsauthentication",
    "kerberosgetafstoken", "kerberostgtpassing", "afstokenpassing", "gssusesessionccache",
    "gssapiusesessioncredcache", "checkmail", "permitblacklistedkeys", "uselogin", "protocol",
    "verifyreversemapping", "reversemappingcheck", "useprivilegeseparation", "skeyauthentication",
})  # fmt: skip
"""Logged and ignored, but not allowed in a Match block."""

DEPRECATED_MATCH = frozenset({"rhostsrsaauthentication", "rsaauthentication", "authorizedkeysfile2"})
"""Logged and ignored anywhere."""

REMOVED_DEPRECATED: dict[str, Version] = {
    "pamauthenticationviakbdint": (10, 4),
    "gssusesessionccache": (10, 6),
    "gssapiusesessioncredcache": (10, 6),
}

_BY_KEY: dict[str, Keyword] = {keyword.key: keyword for keyword in (*GLOBAL, *MATCHABLE)}


def canonical(name: str) -> str:
    """The key under which a setting is kept: lower case, today's spelling."""
    key = name.lower()
    alias = ALIASES.get(key)
    return alias[0].lower() if alias else key


def keyword(name: str) -> Keyword:
    """The keyword of a canonical or any known name. KeyError if sshd never had one."""
    return _BY_KEY[canonical(name)]


@cache
def known_names() -> tuple[str, ...]:
    """Every spelling that some version takes, for finding what a misspelt one was meant to be."""
    return tuple(sorted({each.name for each in _BY_KEY.values()}))
