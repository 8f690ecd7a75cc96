"""The keywords of sshd_config: since when, where they may stand, what they take, how a second line counts.

Source: the tables `keywords` and `fill_default_server_options` in servconf.c of OpenSSH 8.4, 9.2 and 10.0 (Debian's
builds, with their patches), and the release history of the table from 6.6 to 10.5. Everything that depends on a
version is read from here; nothing else in this room names a keyword's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from functools import cache

from rescue.sshd.language.algorithms import ALWAYS, NEVER
from rescue.sshd.language.syntax import Version


class Kind(Enum):
    """What a keyword takes; `rescue.sshd.language.values` judges each."""

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


class Store(StrEnum):
    """What a second line of the same keyword does."""

    FIRST = "the first line wins"
    LAST = "the last line wins"
    ALL = "every line counts"
    NAMED = "every line counts that names something new"


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword. `match`: the first version that takes it inside a Match block; NEVER if none does.

    default: the arguments that hold where no line sets it, as `sshd -T` spells them; () where nothing or a list that
    the build chooses is meant. lacking: distributions that are known not to carry the patch that adds it.
    """

    name: str
    kind: Kind
    store: Store = Store.FIRST
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
    Keyword("UsePAM", Kind.FLAG, default=NO),
    Keyword("Port", Kind.PORT, Store.ALL, ("22",)),
    Keyword("HostKey", Kind.FILE, Store.ALL, HOST_KEYS),
    Keyword("HostKeyAgent", Kind.FILE, default=NONE),
    Keyword("PidFile", Kind.FILE, default=("/run/sshd.pid",)),
    Keyword("ModuliFile", Kind.FILE, default=("/etc/ssh/moduli",), added=(8, 6)),
    Keyword("LoginGraceTime", Kind.TIME, default=("120",)),
    Keyword("SyslogFacility", Kind.FACILITY, default=("AUTH",)),
    Keyword("HostKeyAlgorithms", Kind.KEY_ALGORITHMS, added=(7, 0)),
    Keyword("KerberosOrLocalPasswd", Kind.FLAG, default=YES),
    Keyword("KerberosTicketCleanup", Kind.FLAG, default=YES),
    Keyword("GSSAPICleanupCredentials", Kind.FLAG, default=YES),
    Keyword("GSSAPIStrictAcceptorCheck", Kind.FLAG, default=YES, added=(6, 9)),
    Keyword("GSSAPIKeyExchange", Kind.FLAG, default=NO, lacking=PLAIN, removed=(10, 6)),
    Keyword("GSSAPIStoreCredentialsOnRekey", Kind.FLAG, default=NO, lacking=PLAIN, removed=(10, 6)),
    Keyword("GSSAPIKexAlgorithms", Kind.GSSAPI_EXCHANGES, lacking=PLAIN, removed=(10, 6)),
    Keyword("GSSAPIDelegateCredentials", Kind.FLAG, default=YES, added=(10, 3)),
    Keyword("ListenAddress", Kind.LISTEN, Store.ALL),
    Keyword("AddressFamily", Kind.ADDRESS_FAMILY, default=("any",)),
    Keyword("PrintMotd", Kind.FLAG, default=YES),
    Keyword("PrintLastLog", Kind.FLAG, default=YES),
    Keyword("IgnoreUserKnownHosts", Kind.FLAG, default=NO),
    Keyword("XAuthLocation", Kind.FILE, default=("/usr/bin/xauth",)),
    Keyword("StrictModes", Kind.FLAG, default=YES),
    Keyword("PermitUserEnvironment", Kind.ENVIRONMENT_POLICY, default=NO),
    Keyword("Compression", Kind.COMPRESSION, default=YES),
    Keyword("TCPKeepAlive", Kind.FLAG, default=YES),
    Keyword("Ciphers", Kind.CIPHERS),
    Keyword("MACs", Kind.MACS),
    Keyword("KexAlgorithms", Kind.EXCHANGES),
    Keyword("MaxStartups", Kind.STARTUPS, Store.LAST, ("10:30:100",)),
    Keyword("PerSourceMaxStartups", Kind.SOURCE_STARTUPS, Store.LAST, NONE, added=(8, 5)),
    Keyword("PerSourceNetBlockSize", Kind.BLOCK_SIZE, Store.LAST, ("32:128",), added=(8, 5)),
    Keyword("PerSourcePenalties", Kind.PENALTIES, Store.ALL, added=(9, 8)),
    Keyword("PerSourcePenaltyExemptList", Kind.ADDRESSES, default=NONE, added=(9, 8)),
    Keyword("UseDNS", Kind.FLAG, default=NO),
    Keyword("HostCertificate", Kind.FILE, Store.ALL),
    Keyword("VersionAddendum", Kind.VERSION_TEXT, default=NONE),
    Keyword("FingerprintHash", Kind.HASH, Store.LAST, ("SHA256",), added=(6, 8)),
    Keyword("SecurityKeyProvider", Kind.FILE, default=("internal",), added=(8, 2)),
    Keyword("DebianBanner", Kind.FLAG, default=YES, lacking=(*RED_HAT, *PLAIN)),
    Keyword("SshdSessionPath", Kind.FILE, added=(9, 8)),
    Keyword("SshdAuthPath", Kind.FILE, added=(10, 0)),
)

MATCHABLE: tuple[Keyword, ...] = (
    Keyword("PermitRootLogin", Kind.ROOT_LOGIN, default=("prohibit-password",), match=ALWAYS),
    Keyword("LogLevel", Kind.LOG_LEVEL, default=("INFO",), match=(7, 6)),
    Keyword("LogVerbose", Kind.NAMES, match=ALWAYS, added=(8, 5)),
    Keyword("HostbasedAuthentication", Kind.FLAG, default=NO, match=ALWAYS),
    Keyword("HostbasedUsesNameFromPacketOnly", Kind.FLAG, default=NO, match=ALWAYS),
    Keyword("HostbasedAcceptedAlgorithms", Kind.KEY_ALGORITHMS, match=ALWAYS, added=(8, 5)),
    Keyword("PubkeyAuthentication", Kind.FLAG, default=YES, match=ALWAYS),
    Keyword("PubkeyAcceptedAlgorithms", Kind.KEY_ALGORITHMS, match=ALWAYS, added=(8, 5)),
    Keyword("PubkeyAuthOptions", Kind.KEY_OPTIONS, default=NONE, match=ALWAYS, added=(8, 2)),
    Keyword("KerberosAuthentication", Kind.FLAG, default=NO, match=ALWAYS),
    Keyword("GSSAPIAuthentication", Kind.FLAG, default=NO, match=ALWAYS),
    Keyword("PasswordAuthentication", Kind.FLAG, default=YES, match=ALWAYS),
    Keyword("KbdInteractiveAuthentication", Kind.FLAG, default=YES, match=ALWAYS),
    Keyword("IgnoreRhosts", Kind.RHOSTS, default=YES, match=(8, 3)),
    Keyword("X11Forwarding", Kind.FLAG, default=NO, match=ALWAYS),
    Keyword("X11DisplayOffset", Kind.INTEGER, default=("10",), match=ALWAYS),
    Keyword("X11UseLocalhost", Kind.FLAG, default=YES, match=ALWAYS),
    Keyword("PermitEmptyPasswords", Kind.FLAG, default=NO, match=ALWAYS),
    Keyword("RekeyLimit", Kind.REKEY, default=("0", "0"), match=ALWAYS),
    Keyword("AllowTcpForwarding", Kind.FORWARDING, default=YES, match=ALWAYS),
    Keyword("AllowStreamLocalForwarding", Kind.FORWARDING, default=YES, match=ALWAYS, added=(6, 7)),
    Keyword("AllowAgentForwarding", Kind.FLAG, default=YES, match=ALWAYS),
    Keyword("DisableForwarding", Kind.FLAG, default=NO, match=ALWAYS, added=(7, 4)),
    Keyword("AllowUsers", Kind.USERS, Store.ALL, match=ALWAYS),
    Keyword("DenyUsers", Kind.USERS, Store.ALL, match=ALWAYS),
    Keyword("AllowGroups", Kind.GROUPS, Store.ALL, match=ALWAYS),
    Keyword("DenyGroups", Kind.GROUPS, Store.ALL, match=ALWAYS),
    Keyword("GatewayPorts", Kind.GATEWAY, default=NO, match=ALWAYS),
    Keyword("Subsystem", Kind.SUBSYSTEM, Store.NAMED, match=(9, 5)),
    Keyword("MaxAuthTries", Kind.INTEGER, default=("6",), match=ALWAYS),
    Keyword("MaxSessions", Kind.INTEGER, default=("10",), match=ALWAYS),
    Keyword("Banner", Kind.FILE, default=NONE, match=ALWAYS),
    Keyword("ClientAliveInterval", Kind.TIME, default=("0",), match=(7, 4)),
    Keyword("ClientAliveCountMax", Kind.INTEGER, default=("3",), match=(7, 4)),
    Keyword(
        "AuthorizedKeysFile", Kind.KEY_FILES, default=(".ssh/authorized_keys", ".ssh/authorized_keys2"), match=ALWAYS
    ),
    Keyword("AcceptEnv", Kind.ACCEPT_ENV, Store.ALL, match=ALWAYS),
    Keyword("SetEnv", Kind.SET_ENV, match=ALWAYS, added=(7, 8)),
    Keyword("PermitTunnel", Kind.TUNNEL, default=NO, match=ALWAYS),
    Keyword("PermitTTY", Kind.FLAG, default=YES, match=ALWAYS),
    Keyword("PermitUserRC", Kind.FLAG, default=YES, match=ALWAYS, added=(6, 7)),
    Keyword("Match", Kind.MATCH, match=ALWAYS),
    Keyword("PermitOpen", Kind.OPEN, default=("any",), match=ALWAYS),
    Keyword("PermitListen", Kind.LISTEN_FORWARD, default=("any",), match=ALWAYS, added=(7, 8)),
    Keyword("ForceCommand", Kind.TEXT, default=NONE, match=ALWAYS),
    Keyword("ChrootDirectory", Kind.WORD, default=NONE, match=ALWAYS),
    Keyword("RevokedKeys", Kind.FILE, default=NONE, match=ALWAYS),
    Keyword("TrustedUserCAKeys", Kind.FILE, default=NONE, match=ALWAYS),
    Keyword("AuthorizedPrincipalsFile", Kind.FILE_PATTERN, default=NONE, match=ALWAYS),
    Keyword("Include", Kind.INCLUDE, match=ALWAYS, added=(8, 2)),
    Keyword("IPQoS", Kind.QOS, Store.LAST, match=ALWAYS),
    Keyword("AuthorizedKeysCommand", Kind.COMMAND, default=NONE, match=ALWAYS),
    Keyword("AuthorizedKeysCommandUser", Kind.WORD, default=NONE, match=ALWAYS),
    Keyword("AuthorizedPrincipalsCommand", Kind.COMMAND, default=NONE, match=ALWAYS, added=(6, 9)),
    Keyword("AuthorizedPrincipalsCommandUser", Kind.WORD, default=NONE, match=ALWAYS, added=(6, 9)),
    Keyword("AuthenticationMethods", Kind.METHODS, default=("any",), match=ALWAYS),
    Keyword("StreamLocalBindMask", Kind.OCTAL, Store.LAST, ("0177",), match=ALWAYS, added=(6, 7)),
    Keyword("StreamLocalBindUnlink", Kind.FLAG, default=NO, match=ALWAYS, added=(6, 7)),
    Keyword("ExposeAuthInfo", Kind.FLAG, default=NO, match=ALWAYS, added=(7, 6)),
    Keyword("RDomain", Kind.ROUTING_DOMAIN, match=ALWAYS, added=(7, 7)),
    Keyword("CASignatureAlgorithms", Kind.CA_ALGORITHMS, match=ALWAYS, added=(7, 9)),
    Keyword("RequiredRSASize", Kind.INTEGER, default=("1024",), match=ALWAYS, added=(9, 1)),
    Keyword("RSAMinSize", Kind.INTEGER, default=("1024",), match=ALWAYS, lacking=(*DEBIAN, *PLAIN)),
    Keyword("GSSAPIEnablek5users", Kind.FLAG, default=NO, match=ALWAYS, lacking=(*DEBIAN, *PLAIN)),
    Keyword("ChannelTimeout", Kind.CHANNEL_TIMEOUT, default=NONE, match=ALWAYS, added=(9, 2)),
    Keyword("UnusedConnectionTimeout", Kind.TIME_OR_NONE, default=NONE, match=ALWAYS, added=(9, 2)),
    Keyword("PAMServiceName", Kind.WORD, default=("sshd",), match=ALWAYS, added=(9, 8)),
    Keyword("RefuseConnection", Kind.FLAG, default=NO, match=ALWAYS, added=(9, 9)),
)

CHALLENGE_RESPONSE = Keyword("ChallengeResponseAuthentication", Kind.FLAG, default=YES, removed=(8, 7))
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
