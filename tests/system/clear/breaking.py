"""What may be wrong with a server: one change at random, in anything that a login depends on.

Each function breaks one thing, or tries to: many of the changes do no harm, and a real login tells. It says in words
what it did, and names the steps of the path on which it may bear.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.system.clear.root import Root

Chance = random.Random
Break = Callable[[Chance, Root], str]


@dataclass(frozen=True)
class Kind:
    """One kind of change. steps: where a fault of it shows, any of them; weight: how often it is drawn."""

    name: str
    steps: tuple[str, ...]
    weight: int
    make: Break


KINDS: list[Kind] = []


def kind(*steps: str, weight: int = 4) -> Callable[[Break], Break]:
    def added(make: Break) -> Break:
        KINDS.append(Kind(make.__name__, steps, weight, make))
        return make

    return added


def done_one(chance: Chance, deeds: Sequence[Callable[[], str]]) -> str:
    return chance.choice(deeds)()


def broken(seed: int, root: Root) -> tuple[Kind, str]:
    """Make the change that this seed means."""
    chance = random.Random(seed)
    chosen = chance.choices(KINDS, [each.weight for each in KINDS])[0]
    return chosen, chosen.make(chance, root)


# -- files ---------------------------------------------------------------------------------------------------------

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
SSHD_FILES = ("/usr/sbin/sshd", "/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth")
SSHD_LIBRARIES = (
    "libcrypt.so.1", "libwrap.so.0", "libaudit.so.1", "libpam.so.0", "libsystemd.so.0", "libselinux.so.1",
    "libgssapi_krb5.so.2", "libkrb5.so.3", "libcom_err.so.2", "libcrypto.so.3", "libz.so.1", "libnsl.so.2",
    "libcap-ng.so.0", "libgcrypt.so.20", "liblzma.so.5", "libzstd.so.1", "libpcre2-8.so.0", "libtirpc.so.3",
    "libk5crypto.so.3", "libkeyutils.so.1", "libresolv.so.2", "libgpg-error.so.0", "libkrb5support.so.0", "liblz4.so.1",
)  # fmt: skip
PAM_MODULES = (
    "pam_unix.so", "pam_permit.so", "pam_deny.so", "pam_nologin.so", "pam_loginuid.so", "pam_selinux.so",
    "pam_keyinit.so", "pam_motd.so", "pam_mail.so", "pam_limits.so", "pam_env.so", "pam_systemd.so",
)  # fmt: skip
SHELL_FILES = (
    "/usr/bin/bash", f"{LIBRARIES}/libtinfo.so.6", f"{LIBRARIES}/ld-linux-x86-64.so.2", "/usr/bin/dash", "/usr/bin/id",
)  # fmt: skip
SYSTEM_FILES = (
    "/usr/lib/systemd/systemd-logind", "/usr/lib/systemd/systemd-networkd", "/usr/bin/dbus-daemon",
    "/usr/lib/systemd/systemd", "/usr/lib/systemd/systemd-executor", "/usr/bin/systemd-tmpfiles", "/usr/sbin/agetty",
    "/usr/lib/systemd/systemd-user-sessions", "/usr/bin/kmod", "/usr/lib/systemd/systemd-sysctl",
    "/usr/bin/networkctl", "/usr/lib/systemd/systemd-networkd-wait-online", "/usr/bin/systemctl", "/usr/bin/mount",
    "/usr/lib/systemd/systemd-journald", "/usr/bin/systemd-sysusers", "/usr/sbin/unix_chkpwd",
)  # fmt: skip
UNITS = (
    "ssh.service", "network.target", "basic.target", "sysinit.target", "multi-user.target", "default.target",
    "dbus.service", "dbus.socket", "systemd-networkd.service", "systemd-networkd.socket", "local-fs.target",
    "systemd-user-sessions.service", "systemd-logind.service", "systemd-tmpfiles-setup.service", "sockets.target",
    "graphical.target", "nss-user-lookup.target", "system.slice", "-.slice", "user@.service", "user.slice",
    "network-pre.target", "systemd-journald.service", "systemd-journald.socket", "systemd-remount-fs.service",
    "tmp.mount", "user-runtime-dir@.service", "paths.target", "timers.target", "slices.target", "swap.target",
    "systemd-sysctl.service", "getty.target",
)  # fmt: skip
SETTINGS = (
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/nsswitch.conf", "/etc/pam.d/sshd",
    "/etc/pam.d/common-account", "/etc/pam.d/common-session", "/etc/pam.d/common-auth", "/etc/pam.d/other",
    "/etc/pam.d/common-password", "/etc/ssh/sshd_config", "/etc/ssh/moduli", "/etc/login.defs", "/etc/environment",
    "/etc/security/limits.conf", "/etc/security/pam_env.conf", "/etc/security/access.conf", "/etc/profile",
    "/etc/bash.bashrc", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/shells",
    "/etc/gai.conf", "/etc/host.conf", "/etc/resolv.conf", "/etc/hostname", "/etc/machine-id", "/etc/hosts",
    "/etc/default/ssh", "/etc/default/locale", "/etc/ssl/openssl.cnf", "/usr/lib/ssl/openssl.cnf", "/etc/services",
    "/etc/protocols", "/etc/motd", "/etc/libaudit.conf", "/etc/selinux/semanage.conf", "/etc/os-release",
    "/usr/lib/os-release", "/etc/systemd/network/10-wired.network", "/etc/netconfig", "/etc/gss/mech.d",
    "/etc/pam.d/systemd-user", "/etc/localtime", "/etc/crypttab", "/etc/sysctl.conf", "/etc/sudoers",
    "/usr/lib/tmpfiles.d/systemd.conf", "/usr/lib/tmpfiles.d/var.conf", "/usr/lib/tmpfiles.d/legacy.conf",
    "/usr/lib/tmpfiles.d/openssh-server.conf", "/usr/lib/tmpfiles.d/sshd.conf",
    "/usr/share/dbus-1/system.conf", "/usr/share/dbus-1/system.d/org.freedesktop.login1.conf",
    "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
)  # fmt: skip
HOMES = (
    "/home/alice/.ssh/authorized_keys", "/home/alice/.ssh", "/home/alice", "/home", "/home/alice/.bashrc",
    "/home/alice/.profile", "/root/.ssh/authorized_keys", "/root/.ssh", "/root", "/root/.bashrc", "/root/.profile",
)  # fmt: skip
FOLDERS = (
    "/", "/etc", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", LIBRARIES, f"{LIBRARIES}/security", "/var", "/var/log",
    "/var/lib", "/tmp", "/var/tmp", "/etc/ssh", "/etc/pam.d", "/etc/security", "/root", "/home", "/usr/lib64",
    "/usr/lib/systemd", "/usr/lib/systemd/system", "/etc/systemd", "/etc/systemd/system", "/etc/systemd/network",
    "/usr/lib/openssh", "/etc/ssh/sshd_config.d", "/etc/ssl", "/usr/lib/ssl", "/opt", "/srv", "/usr/share", "/var/mail",
    "/run", "/dev", "/proc", "/sys", "/mnt", "/etc/default", "/etc/profile.d", "/usr/share/dbus-1", "/etc/dbus-1",
)  # fmt: skip
LINKS = ("/bin", "/lib", "/lib64", "/sbin", "/var/run", "/var/lock", "/usr/bin/sh", "/etc/mtab", "/etc/os-release",
         "/usr/sbin/init", f"{LIBRARIES}/libcrypto.so.3", "/usr/lib64/ld-linux-x86-64.so.2")  # fmt: skip


def _present(root: Root, paths: tuple[str, ...]) -> list[str]:
    return [path for path in paths if root.real(path).exists()]


def _damaged(chance: Chance, root: Root, path: str) -> str:
    """One file, damaged in one of the ways in which files are."""
    at = root.real(path)
    ways = ["remove", "mode", "mode", "owner", "dangling"]
    if at.is_file():
        ways += ["truncate", "truncate", "empty", "garbage", "directory", "zeros", "flip"]
    way = chance.choice(ways)
    data = at.read_bytes() if at.is_file() else b""
    match way:
        case "remove":
            return root.remove(path)
        case "mode":
            return root.chmod(path, chance.choice([0, 0o600, 0o700, 0o644, 0o444, 0o711, 0o750, 0o777, 0o4755, 0o1777]))
        case "owner":
            return root.chown(
                path, *chance.choice([(1000, 1000), (65534, 65534), (1000, 0), (0, 1000), (12345, 12345)])
            )
        case "dangling":
            return root.link(path, "/nowhere/at/all")
        case "truncate":
            keep = int(len(data) * chance.choice([0.1, 0.5, 0.9, 0.99]))
            root.write(path, data[:keep])
            return f"truncate {path} to {keep} of {len(data)}"
        case "empty":
            root.write(path, b"")
            return f"empty {path}"
        case "garbage":
            root.write(path, chance.randbytes(max(64, min(len(data), 1 << 16))))
            return f"garbage in {path}"
        case "zeros":
            root.write(path, bytes(len(data)))
            return f"zeros in {path}"
        case "flip":
            raw = bytearray(data or b"\n")
            begin = chance.randrange(len(raw))
            many = chance.choice([1, 4, 512, 4096])
            raw[begin : begin + many] = chance.randbytes(len(raw[begin : begin + many]))
            root.write(path, bytes(raw))
            return f"{many} bytes at {begin} of {path} are others"
    root.remove(path)
    root.real(path).mkdir()
    return f"{path} is a directory"


@kind("service", "accept", weight=8)
def sshd_program(chance: Chance, root: Root) -> str:
    return _damaged(chance, root, chance.choice(_present(root, SSHD_FILES)))


@kind("service", "accept", "account", "session", weight=12)
def library_of_sshd(chance: Chance, root: Root) -> str:
    return _damaged(
        chance, root, chance.choice(_present(root, tuple(f"{LIBRARIES}/{name}" for name in SSHD_LIBRARIES)))
    )


@kind("account", "session", weight=8)
def pam_module_file(chance: Chance, root: Root) -> str:
    return _damaged(chance, root, f"{LIBRARIES}/security/{chance.choice(PAM_MODULES)}")


@kind("account", "session", weight=8)
def shell_file(chance: Chance, root: Root) -> str:
    return _damaged(chance, root, chance.choice(_present(root, SHELL_FILES)))


@kind("boot", "network", "service", "session", weight=5)
def system_program(chance: Chance, root: Root) -> str:
    return _damaged(chance, root, chance.choice(_present(root, SYSTEM_FILES)))


@kind("boot", "network", "service", weight=6)
def unit_file(chance: Chance, root: Root) -> str:
    return _damaged(
        chance, root, chance.choice(_present(root, tuple(f"/usr/lib/systemd/system/{name}" for name in UNITS)))
    )


@kind("service", "account", "key", "session", "network", "accept", "boot", weight=22)
def setting_file(chance: Chance, root: Root) -> str:
    return _damaged(chance, root, chance.choice(_present(root, SETTINGS)))


@kind("account", "key", "session", weight=10)
def home_file(chance: Chance, root: Root) -> str:
    return _damaged(chance, root, chance.choice(_present(root, HOMES)))


@kind("service", "account", "key", "session", "boot", "network", weight=12)
def folder(chance: Chance, root: Root) -> str:
    path = chance.choice(_present(root, FOLDERS))
    if chance.random() < 0.75:
        return root.chmod(
            path, chance.choice([0, 0o600, 0o700, 0o711, 0o750, 0o755, 0o770, 0o775, 0o777, 0o644, 0o2755])
        )
    return root.chown(path, *chance.choice([(1000, 1000), (65534, 65534), (0, 1000), (1000, 0)]))


@kind("boot", "service", "session", "account", weight=3)
def link(chance: Chance, root: Root) -> str:
    path = chance.choice([each for each in LINKS if root.real(each, last=False).is_symlink()])
    way = chance.choice(["remove", "dangling", "directory"])
    if way == "dangling":
        return root.link(path, "nowhere")
    root.remove(path)
    if way == "directory":
        root.real(path, last=False).mkdir()
    return f"{way} the link {path}"


@kind("service", "account", "key", "session", "boot", weight=8)
def recursive(chance: Chance, root: Root) -> str:
    """The slips of the hand with -R."""
    path = chance.choice(["/etc", "/etc/ssh", "/usr", "/usr/lib", "/home", "/home/alice", "/root", "/var", "/etc/pam.d",
                          "/usr/bin", LIBRARIES, "/etc/security", "/var/lib", "/usr/sbin", "/etc/systemd"])  # fmt: skip
    way = chance.choice(["chmod -R go-rwx", "chmod -R 777", "chmod -R a-x,a+X", "chmod -R 644", "chmod -R 755",
                         "chmod -R g+w", "chown -R 1000:1000", "chown -R root:root", "chown -R nobody:nogroup",
                         "chmod -R a-x", "chmod -R 600", "chmod -R o-rx", "chmod -R a-s"])  # fmt: skip
    subprocess.run([*way.replace("nobody:nogroup", "65534:65534").split(), str(root.real(path))], check=True)
    return f"{way} {path}"


@kind("key", "account", "session", weight=3)
def acl(chance: Chance, root: Root) -> str:
    path = chance.choice(["/home/alice/.ssh/authorized_keys", "/home/alice/.ssh", "/home/alice", "/home", "/root",
                          "/usr/bin/bash", "/etc/passwd", "/etc/ssh/ssh_host_ed25519_key", "/usr", "/etc"])  # fmt: skip
    what = chance.choice(["u:1000:---", "u:daemon:rwx", "g:1000:---", "g:27:---", "o::---", "m::---", "u:1000:rwx"])
    subprocess.run(["setfacl", "-m", what, str(root.real(path))], check=True)
    return f"setfacl -m {what} {path}"


# -- systemd -------------------------------------------------------------------------------------------------------

SANDBOX = (
    "ProtectHome=yes", "ProtectHome=read-only", "ProtectHome=tmpfs", "PrivateNetwork=yes", "PrivateTmp=yes",
    "RestrictAddressFamilies=AF_UNIX", "RestrictAddressFamilies=AF_INET AF_UNIX", "RestrictAddressFamilies=AF_INET6",
    "RestrictAddressFamilies=AF_INET", "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged",
    "SystemCallFilter=~@setuid", "SystemCallFilter=@basic-io @network-io", "SystemCallFilter=~chroot",
    "SystemCallFilter=~@mount", "SystemCallFilter=~clone", "SystemCallErrorNumber=EPERM", "SystemCallFilter=~execve",
    "SystemCallArchitectures=native", "SystemCallFilter=~@keyring", "SystemCallFilter=~setgroups",
    "InaccessiblePaths=/etc/shadow", "InaccessiblePaths=/home", "InaccessiblePaths=/etc/ssh", "InaccessiblePaths=/root",
    "InaccessiblePaths=/usr/bin/bash", "InaccessiblePaths=-/nowhere", "InaccessiblePaths=/nowhere", "ReadOnlyPaths=/",
    "InaccessiblePaths=/dev/ptmx", "InaccessiblePaths=/dev", "InaccessiblePaths=/etc/pam.d", "ReadOnlyPaths=/dev",
    "InaccessiblePaths=/var", "InaccessiblePaths=/run", "NoExecPaths=/", "NoExecPaths=/usr/bin", "NoExecPaths=/home",
    "NoExecPaths=/\nExecPaths=/usr/sbin/sshd /usr/lib", "ExecPaths=/usr", "User=nobody", "User=sshd", "User=alice",
    "User=nosuch", "Group=nogroup", "Group=nosuch", "DynamicUser=yes", "RootDirectory=/nowhere", "RootDirectory=/home",
    "RootDirectory=/", "LimitNOFILE=3", "LimitNOFILE=10", "LimitNOFILE=64", "LimitNOFILE=1024", "LimitNPROC=1",
    "LimitNPROC=0", "LimitFSIZE=0", "LimitAS=10M", "LimitAS=64M", "LimitDATA=1M", "LimitSTACK=64K", "LimitCPU=1",
    "LimitCORE=0", "LimitMEMLOCK=0", "CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    "CapabilityBoundingSet=~CAP_SETUID", "CapabilityBoundingSet=~CAP_SYS_CHROOT", "CapabilityBoundingSet=~CAP_SETGID",
    "CapabilityBoundingSet=~CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=~CAP_AUDIT_WRITE",
    "CapabilityBoundingSet=~CAP_CHOWN", "CapabilityBoundingSet=~CAP_DAC_OVERRIDE", "CapabilityBoundingSet=~CAP_KILL",
    "CapabilityBoundingSet=~CAP_AUDIT_CONTROL", "CapabilityBoundingSet=~CAP_FOWNER", "NoNewPrivileges=yes",
    "AmbientCapabilities=CAP_NET_ADMIN", "ProtectSystem=strict", "ProtectSystem=full", "ProtectSystem=yes",
    "PrivateDevices=yes", "PrivateUsers=yes", "ProtectProc=invisible", "ProcSubset=pid", "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes", "ProtectKernelLogs=yes", "ProtectClock=yes", "ProtectHostname=yes", "PrivateMounts=yes",
    "RestrictNamespaces=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "RemoveIPC=yes",
    "MemoryDenyWriteExecute=yes", "DevicePolicy=closed", "DeviceAllow=/dev/null rw", "UMask=0777", "UMask=0077",
    "TemporaryFileSystem=/home", "TemporaryFileSystem=/etc", "TemporaryFileSystem=/tmp", "TemporaryFileSystem=/run",
    "BindPaths=/nowhere:/srv", "BindReadOnlyPaths=/dev/null:/etc/passwd", "BindReadOnlyPaths=/dev/null:/etc/shadow",
    "BindPaths=/srv:/home", "BindReadOnlyPaths=/etc", "ReadWritePaths=/nowhere", "MountFlags=private",
    "WorkingDirectory=/nowhere", "WorkingDirectory=/tmp", "WorkingDirectory=-/nowhere", "WorkingDirectory=~",
    "RuntimeDirectory=", "RuntimeDirectory=sshd other", "RuntimeDirectoryMode=0777", "StateDirectory=x",
    "StandardInput=file:/nowhere", "StandardOutput=file:/nowhere/x", "StandardOutput=null", "StandardError=null",
    "StandardInput=tty", "TTYPath=/dev/nowhere", "Environment=LD_PRELOAD=/nowhere.so", "Environment=LD_BIND_NOW=1",
    "Environment=LD_LIBRARY_PATH=/srv", "Environment=SSHD_OPTS=-p2222", "Environment=SSHD_OPTS=--nonsense",
    "Environment=OPENSSL_CONF=/nowhere", "Environment=MALLOC_PERTURB_=1", "Environment=TZ=x", "UnsetEnvironment=PATH",
    "EnvironmentFile=/nowhere", "EnvironmentFile=-/nowhere", "PassEnvironment=HOME", "Nice=19", "Nice=-20",
    "OOMScoreAdjust=1000", "CPUSchedulingPolicy=idle", "IOSchedulingClass=idle", "CPUAffinity=0", "NUMAPolicy=bind",
    "PAMName=sshd", "PAMName=nosuch", "SELinuxContext=x_t", "-SELinuxContext=x", "AppArmorProfile=nosuch",
    "AppArmorProfile=-nosuch", "SmackProcessLabel=x", "KeyringMode=private", "KeyringMode=inherit", "IgnoreSIGPIPE=no",
    "SecureBits=noroot", "SecureBits=no-setuid-fixup", "TimerSlackNSec=1s", "Personality=x86", "Personality=s390",
    "LoadCredential=x:/nowhere", "SetCredential=x:y", "NetworkNamespacePath=/nowhere", "JoinsNamespaceOf=dbus.service",
    "IPAddressDeny=any", "IPAddressAllow=192.0.2.0/24", "MemoryMax=1M", "MemoryHigh=1M", "TasksMax=1", "TasksMax=2",
    "CPUQuota=1%", "Slice=nosuch.slice", "Slice=x", "Delegate=yes", "LogNamespace=x", "ExtensionDirectories=/nowhere",
    "RootImage=/nowhere.img", "MountAPIVFS=yes", "SocketBindDeny=any", "RestrictFileSystems=ext4", "LimitNICE=0",
    "LimitSIGPENDING=0", "LimitMSGQUEUE=0", "LimitLOCKS=0", "LimitRTPRIO=0", "LimitRSS=1", "PrivateIPC=yes",
    "PrivatePIDs=yes", "ConfigurationDirectory=ssh", "LogsDirectory=x", "CacheDirectory=x", "SupplementaryGroups=nosuch",
    "SupplementaryGroups=users", "RestrictNamespaces=~user", "CoredumpFilter=all", "SyslogIdentifier=x", "UtmpMode=user",
)  # fmt: skip
SERVICE_LINES = (
    "Type=simple", "Type=oneshot", "Type=forking", "Type=exec", "Type=dbus", "Type=idle", "Type=notify-reload",
    "Restart=no", "Restart=always", "RestartSec=1h", "ExecStartPre=/bin/false", "ExecStartPre=-/bin/false",
    "ExecStartPre=/bin/true", "ExecStartPre=/nowhere", "ExecStartPre=-/nowhere", "ExecStartPost=/bin/false",
    "ExecStartPost=/nowhere", "ExecStartPost=-/bin/false", "ExecStartPost=/bin/sleep 3000", "ExecCondition=/bin/false",
    "ExecCondition=/bin/true", "ExecStartPre=/bin/sleep 3000", "ExecStartPre=/bin/sleep 2", "ExecStartPre=sleep 1",
    "ExecStart=\nExecStart=/usr/sbin/sshd -D -f /nowhere", "ExecStart=\nExecStart=/usr/sbin/sshd -D -p 2222",
    "ExecStart=\nExecStart=/usr/sbin/sshd", "ExecStart=\nExecStart=/bin/sh -c 'exec /usr/sbin/sshd -D'",
    "ExecStart=\nExecStart=/usr/bin/env /usr/sbin/sshd -D", "ExecStart=/usr/sbin/sshd -D", "ExecStart=",
    "ExecStart=\nExecStart=/usr/sbin/sshd -D -o ListenAddress=127.0.0.1", "ExecStart=\nExecStart=/usr/sbin/sshd -i",
    "ExecStart=\nExecStart=/usr/sbin/sshd -d", "ExecStart=\nExecStart=/usr/sbin/sshd -D -e",
    "ExecStart=\nExecStart=/usr/bin/strace /usr/sbin/sshd -D", "ExecStart=\nExecStart=/usr/bin/timeout 4 /usr/sbin/sshd -D",
    "ExecStart=\nExecStart=/usr/bin/nice /usr/sbin/sshd -D", "ExecStart=\nExecStart=/usr/sbin/sshd -D -o UsePAM=no",
    "ExecStart=\nExecStart=/usr/bin/unshare -n /usr/sbin/sshd -D", "ExecStart=\nExecStart=/usr/sbin/sshd -D -u0",
    "ExecStart=\nExecStart=/usr/local/sbin/wrapper", "RuntimeMaxSec=3", "RuntimeMaxSec=1d", "TimeoutStartSec=1ms",
    "TimeoutStartSec=infinity", "WatchdogSec=1", "WatchdogSec=1h", "PIDFile=/run/sshd.pid", "PIDFile=/nowhere/x",
    "BusName=org.nowhere", "NotifyAccess=none", "NotifyAccess=all", "GuessMainPID=no", "SuccessExitStatus=255",
    "KillMode=control-group", "KillMode=none", "SendSIGKILL=no", "OOMPolicy=kill", "Sockets=ssh.socket", "NonBlocking=yes",
    "RootDirectoryStartOnly=yes", "PermissionsStartOnly=yes", "RemainAfterExit=yes", "USBFunctionDescriptors=/nowhere",
    "TimeoutStopSec=1", "ExecStop=/bin/false", "ExecReload=/bin/false", "ExitType=cgroup", "FileDescriptorStoreMax=3",
    "RestartPreventExitStatus=0", "RestartForceExitStatus=1",
)  # fmt: skip
UNIT_LINES = (
    "Requires=nosuch.service", "Requires=dbus.service", "Requires=tmp.mount", "Requires=nosuch.mount", "Wants=nosuch.service",
    "Requires=srv.mount", "Requisite=nosuch.target", "Requisite=basic.target", "Requisite=ssh.socket", "BindsTo=dbus.service",
    "BindsTo=sys-subsystem-net-devices-eth0.device", "BindsTo=sys-subsystem-net-devices-ens3.device",
    "Requires=sys-subsystem-net-devices-wg0.device\nAfter=sys-subsystem-net-devices-wg0.device", "PartOf=dbus.service",
    "After=nosuch.service", "After=network-online.target", "Requires=network-online.target\nAfter=network-online.target",
    "Before=sysinit.target", "Before=basic.target", "Conflicts=basic.target", "Conflicts=dbus.service", "Before=network-pre.target",
    "Conflicts=multi-user.target", "Conflicts=shutdown.target", "Conflicts=nosuch.service", "Conflicts=getty.target",
    "Conflicts=systemd-logind.service", "Conflicts=ssh.socket", "ConditionPathExists=/nowhere", "ConditionPathExists=/etc/passwd",
    "ConditionPathExists=/run/go", "ConditionHost=other", "ConditionHost=server", "ConditionVirtualization=no",
    "ConditionVirtualization=container", "ConditionVirtualization=kvm", "ConditionKernelCommandLine=ssh",
    "ConditionKernelVersion=>99", "ConditionKernelVersion=>=3", "ConditionACPower=true", "ConditionFirstBoot=yes",
    "ConditionUser=root", "ConditionUser=alice", "ConditionSecurity=selinux", "ConditionSecurity=apparmor", "ConditionCPUs=>64",
    "ConditionMemory=>1T", "ConditionCapability=CAP_SYS_TIME", "ConditionArchitecture=arm64", "ConditionArchitecture=x86-64",
    "ConditionFileNotEmpty=/etc/nosuch", "ConditionDirectoryNotEmpty=/srv", "ConditionPathIsMountPoint=/srv",
    "ConditionPathIsReadWrite=/etc", "ConditionPathIsSymbolicLink=/etc/ssh", "ConditionPathExistsGlob=/etc/ssh/*.nosuch",
    "ConditionNeedsUpdate=/etc", "ConditionEnvironment=X", "ConditionGroup=root", "ConditionOSRelease=ID=fedora",
    "ConditionOSRelease=ID=debian", "ConditionControlGroupController=memory", "ConditionFirmware=uefi", "ConditionPathExists=!/etc/ssh",
    "AssertPathExists=/nowhere", "AssertHost=other", "JobTimeoutSec=1ms", "JobRunningTimeoutSec=1s", "StartLimitBurst=0",
    "StartLimitBurst=1", "StartLimitIntervalSec=0", "RefuseManualStart=yes", "DefaultDependencies=no", "StopWhenUnneeded=yes",
    "StopPropagatedFrom=dbus.service", "OnFailure=poweroff.target", "FailureAction=reboot", "SuccessAction=poweroff",
    "IgnoreOnIsolate=yes", "AllowIsolate=yes", "RequiresMountsFor=/srv/nosuch", "RequiresMountsFor=/home",
    "CollectMode=inactive-or-failed", "SourcePath=/nowhere", "Upholds=nosuch.service", "PropagatesStopTo=dbus.service",
    "JoinsNamespaceOf=dbus.service", "Requires=slow.service\nAfter=slow.service", "Requires=failing.service\nAfter=failing.service",
    "Requires=failing.service", "Wants=failing.service\nAfter=failing.service", "BindsTo=short.service\nAfter=short.service",
    "After=slow.service\nWants=slow.service", "Requires=systemd-networkd-wait-online.service\nAfter=systemd-networkd-wait-online.service",
)  # fmt: skip
HELPERS = {
    "slow.service": "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=/bin/sleep 3000\n",
    "failing.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "short.service": "[Service]\nExecStart=/bin/sleep 2\n",
    "srv.mount": "[Mount]\nWhat=/dev/disk/by-label/nowhere\nWhere=/srv\nType=ext4\n",
}
PLACES = (
    "/etc/systemd/system/ssh.service.d/local.conf", "/etc/systemd/system/ssh.service.d/local.conf",
    "/etc/systemd/system/ssh.service.d/local.conf", "/etc/systemd/system/service.d/all.conf",
    "/usr/lib/systemd/system/ssh.service.d/10-x.conf", "/etc/systemd/system.control/ssh.service.d/50-x.conf",
)  # fmt: skip


def _unit(chance: Chance, root: Root, section: str, lines: str) -> str:
    told = ""
    for name, text in HELPERS.items():
        if name in lines:
            root.write(f"/etc/systemd/system/{name}", text)
            told = f" with {name}"
    if "wrapper" in lines:
        root.write("/usr/local/sbin/wrapper", chance.choice(["#!/bin/sh\nexec /usr/sbin/sshd -D\n", "#!/bin/sh\nexit 0\n",
                   "exec /usr/sbin/sshd -D\n"]), chance.choice([0o755, 0o644]))  # fmt: skip
    return root.write(chance.choice(PLACES), f"[{section}]\n{lines}\n") + told


@kind("service", "session", "accept", "account", "key", weight=26)
def sandbox(chance: Chance, root: Root) -> str:
    lines = chance.sample(SANDBOX, chance.choice([1, 1, 1, 2]))
    return _unit(chance, root, "Service", "\n".join(lines))


@kind("service", weight=12)
def service_line(chance: Chance, root: Root) -> str:
    return _unit(chance, root, "Service", chance.choice(SERVICE_LINES))


@kind("service", weight=14)
def unit_line(chance: Chance, root: Root) -> str:
    return _unit(chance, root, "Unit", chance.choice(UNIT_LINES))


@kind("boot", "network", "service", "session", weight=7)
def other_unit(chance: Chance, root: Root) -> str:
    """A sandbox or a dependency of another unit on the way, or the mask of one."""
    name = chance.choice([each for each in UNITS if each != "ssh.service"])
    if chance.random() < 0.5:
        return root.link(f"/etc/systemd/system/{name}", "/dev/null")
    lines = chance.choice([f"[Unit]\n{chance.choice(UNIT_LINES)}\n", f"[Service]\n{chance.choice(SANDBOX)}\n"])
    for helper, text in HELPERS.items():
        if helper in lines:
            root.write(f"/etc/systemd/system/{helper}", text)
    return root.write(f"/etc/systemd/system/{name}.d/local.conf", lines)


@kind("boot", "service", weight=5)
def what_starts(chance: Chance, root: Root) -> str:
    """Targets, masks and wants."""
    way = chance.choice(["target", "mask", "wants", "empty", "copy", "requires", "alias", "preset", "noinstall"])
    system = "/etc/systemd/system"
    match way:
        case "target":
            aim = chance.choice(
                ["rescue", "emergency", "basic", "graphical", "poweroff", "nosuch", "sysinit", "getty", "network"]
            )
            return root.link(f"{system}/default.target", f"/lib/systemd/system/{aim}.target")
        case "mask":
            return root.link(
                f"{system}/{chance.choice(['ssh.service', 'sshd.service', 'ssh@.service', 'ssh.socket'])}", "/dev/null"
            )
        case "wants":
            return root.remove(f"{system}/multi-user.target.wants/ssh.service")
        case "empty":
            return root.write(f"{system}/ssh.service", "")
        case "copy":
            text = root.text("/usr/lib/systemd/system/ssh.service")
            old, new = chance.choice([("-D", "-D -p 2222"), ("Type=notify", "Type=forking"), ("[Service]", "[Servce]"),
                                      ("/usr/sbin/sshd -D", "/usr/sbin/sshdd -D"), ("ExecStart=", "ExecStrat="), ("x", "x"),
                                      ("network.target", "network.target nosuch.target"), ("[Install]", "#")])  # fmt: skip
            return root.write(f"{system}/ssh.service", text.replace(old, new))
        case "requires":
            root.write(f"{system}/failing.service", HELPERS["failing.service"])
            return root.link(f"{system}/{chance.choice(['ssh.service', 'multi-user.target', 'network.target', 'basic.target'])}"
                             ".requires/failing.service", f"{system}/failing.service")  # fmt: skip
        case "alias":
            return root.remove(f"{system}/sshd.service")
        case "preset":
            root.write(
                "/etc/systemd/system-preset/00-local.preset", chance.choice(["disable *\n", "disable ssh.service\n"])
            )
            return root.write("/etc/machine-id", chance.choice(["", "uninitialized\n"])) + " and a preset that disables"
    return root.write(f"{system}/multi-user.target.d/x.conf", f"[Unit]\n{chance.choice(UNIT_LINES)}\n")


@kind("boot", "service", "session", weight=5)
def manager(chance: Chance, root: Root) -> str:
    """Settings of systemd itself, slices, generators, and of each unit."""
    return done_one(chance, [
        lambda: root.write("/etc/systemd/system.conf.d/x.conf", "[Manager]\n" + chance.choice([
            "DefaultLimitNOFILE=5", "DefaultLimitNPROC=1", "DefaultTimeoutStartSec=1ms", "DefaultEnvironment=LD_PRELOAD=/x",
            "DefaultLimitAS=20M", "DefaultLimitFSIZE=0", "SystemCallArchitectures=x86", "CapabilityBoundingSet=CAP_KILL",
            "NoNewPrivileges=yes", "DefaultStandardOutput=null", "DefaultEnvironment=SSHD_OPTS=-p2222", "ProtectSystem=yes",
            "DefaultDependencies=no", "DefaultLimitCORE=0", "DefaultRestartSec=1h", "DefaultStartLimitBurst=0"]) + "\n"),
        lambda: root.write(f"/etc/systemd/system/{chance.choice(['user-.slice', 'user.slice', 'system.slice', 'user-1000.slice'])}.d/x.conf",
            "[Slice]\n" + chance.choice(["TasksMax=1", "MemoryMax=1M", "IPAddressDeny=any", "CPUQuota=1%"]) + "\n"),
        lambda: root.write("/etc/systemd/system/user@.service.d/x.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n"),
        lambda: root.write("/etc/systemd/logind.conf.d/x.conf", "[Login]\n" + chance.choice(["UserTasksMax=1", "KillUserProcesses=yes",
            "SessionsMax=0", "InhibitorsMax=0", "UserStopDelaySec=0", "RuntimeDirectorySize=1K", "RemoveIPC=yes"]) + "\n"),
        lambda: root.write("/etc/systemd/system-generators/x", chance.choice([
            "#!/bin/sh\nln -s /dev/null $1/ssh.service\n", "#!/bin/sh\nexit 1\n", "#!/bin/sh\nsleep 300\n",
            "#!/bin/sh\nmkdir -p $2/ssh.service.d; printf '[Unit]\\nConditionPathExists=/no\\n' > $2/ssh.service.d/g.conf\n"]), 0o755),
        lambda: root.write("/etc/systemd/journald.conf.d/x.conf", "[Journal]\nStorage=none\nForwardToConsole=yes\n"),
        lambda: root.write("/etc/systemd/system.control/ssh.service.d/50-MemoryMax.conf", "[Service]\nMemoryMax=1\n"),
        lambda: root.write("/etc/environment.d/x.conf", "LD_PRELOAD=/nowhere.so\n"),
    ])  # fmt: skip


@kind("boot", "service", "key", "account", "session", weight=5)
def tmpfiles(chance: Chance, root: Root) -> str:
    line = chance.choice([
        "r /home/alice/.ssh/authorized_keys", "R /home/alice/.ssh", "z /home/alice 0777", "Z /home/alice 0777 root root",
        "f /run/nologin", "f /etc/nologin", "r /etc/ssh/ssh_host_*_key", "R /run/sshd", "d /run/sshd 0777 alice alice",
        "r! /etc/ssh/sshd_config", "z /root 0770", "z /root/.ssh/authorized_keys 0666", "L+ /etc/passwd - - - - /dev/null",
        "w /proc/sys/net/ipv4/conf/all/forwarding - - - - 1", "r /usr/sbin/sshd", "z /etc/shadow 0000", "D /home 0755",
        "d /home/alice 0755 root root", "f+ /etc/ssh/sshd_config.d/x.conf - - - - Port 2222", "d /var/empty 0755",
        "f /etc/ssh/sshd_not_to_be_run", "R /etc/pam.d", "z /usr/bin/bash 0600", "x /tmp/x", "D! /tmp 1777", "q /srv 0755",
        "F /etc/hosts.deny - - - - ALL:ALL", "C /etc/ssh/sshd_config", "r /usr/bin/bash", "z / 0777", "z /dev/ptmx 0600",
        "z /dev/pts/ptmx 0600", "z /dev/null 0600", "z /dev/tty 0600", "f+ /etc/securetty", "z /var/run 0700", "z /run 0700",
    ])  # fmt: skip
    return root.write("/etc/tmpfiles.d/local.conf", line + "\n")


# -- the network ---------------------------------------------------------------------------------------------------


@kind("network", weight=9)
def network_file(chance: Chance, root: Root) -> str:
    path = "/etc/systemd/network/10-wired.network"
    base = root.text(path)
    return done_one(chance, [
        lambda: root.write(path, base.replace("192.0.2.2/24", chance.choice(
            ["192.0.2.3/24", "192.0.2.2/32", "192.0.2.2/31", "10.0.0.2/24", "192.0.2.2", "192.0.2.2/40", "2001:db8::2/64"]))),
        lambda: root.write(path, base.replace("Gateway=192.0.2.1", chance.choice(
            ["", "Gateway=192.0.2.254", "Gateway=10.0.0.1", "Gateway=", "Gateway=_dhcp4", "gateway=192.0.2.1", "Gateway=192.0.2.2",
             "[Route]\nGateway=192.0.2.1", "[Route]\nGateway=192.0.2.1\nDestination=10.0.0.0/8", "[Route]\nGateway=192.0.2.1\nGatewayOnLink=yes",
             "[Route]\nDestination=0.0.0.0/0\nType=blackhole", "[Route]\nDestination=198.51.100.0/24\nType=unreachable",
             "Gateway=192.0.2.1\n[Route]\nDestination=198.51.100.0/24\nType=blackhole",
             "Gateway=192.0.2.1\n[RoutingPolicyRule]\nTo=198.51.100.0/24\nType=prohibit",
             "Gateway=192.0.2.1\n[RoutingPolicyRule]\nFrom=192.0.2.2\nTable=100",
             "Gateway=192.0.2.1\n[Neighbor]\nAddress=192.0.2.1\nLinkLayerAddress=02:00:00:00:00:99"]))),
        lambda: root.write(path, base.replace("Name=e*", chance.choice(
            ["Name=ens3", "Name=eth1", "MACAddress=02:00:00:00:00:01", "Driver=virtio_net", "Name=!eth0", "Type=wlan", "Host=other",
             "Virtualization=kvm", "KernelCommandLine=x", "Name=*", "Type=ether", "Architecture=arm64", "Path=pci-*", "OriginalName=eth0"]))),
        lambda: root.write(path, base + chance.choice(
            ["[Link]\nUnmanaged=yes\n", "[Link]\nActivationPolicy=down\n", "[Link]\nActivationPolicy=manual\n", "[Link]\nMTUBytes=600\n",
             "[Link]\nMTUBytes=68\n", "[Link]\nARP=no\n", "[Link]\nRequiredForOnline=no\n", "[Link]\nMACAddress=02:00:00:00:00:07\n",
             "VRF=x\n", "Bridge=br0\n", "Bond=bond0\n", "ConfigureWithoutCarrier=yes\n", "BindCarrier=wlan0\n", "LinkLocalAddressing=no\n",
             "KeepConfiguration=yes\n", "IPForward=yes\n", "[Link]\nAllMulticast=yes\n", "[Link]\nMulticast=no\n", "IPv4ReversePathFilter=strict\n",
             "[Address]\nAddress=192.0.2.9/24\nPreferredLifetime=0\n", "[QDisc]\nParent=clsact\n[NetworkEmulator]\nParent=root\nPacketLossPercent=100\n",
             "[TokenBucketFilter]\nParent=root\nRate=1K\nBurstBytes=1K\nLatencySec=1s\n"])),
        lambda: root.write("/etc/systemd/network/05-first.network", chance.choice(
            ["[Match]\nName=e*\n[Network]\nDHCP=yes\n", "[Match]\nName=eth0\n[Network]\nLinkLocalAddressing=no\n", "[Match]\nName=lo\n[Network]\n",
             "[Match]\n[Network]\nDHCP=ipv6\n", "[Match]\nName=wlan0\n[Network]\nDHCP=yes\n", "", "[Match]\nName=eth0\n[Link]\nUnmanaged=yes\n"])),
        lambda: root.write("/etc/systemd/network/10-x.link", chance.choice(
            ["[Match]\nOriginalName=*\n[Link]\nName=wan0\n", "[Match]\nOriginalName=eth0\n[Link]\nMACAddressPolicy=random\n",
             "[Match]\nMACAddress=02:00:00:00:00:05\n[Link]\nName=wan0\n"])),
        lambda: root.write(path + ".d/x.conf", chance.choice(["[Network]\nAddress=\n", "[Network]\nGateway=\n", "[Match]\nName=ens3\n", "[Network]\nDHCP=no\n"])),
        lambda: root.chmod(path, chance.choice([0o600, 0o640, 0, 0o777])),
        lambda: root.chmod("/etc/systemd/network", chance.choice([0o700, 0o711, 0o750])),
        lambda: root.link("/etc/systemd/network/10-wired.network", chance.choice(["/dev/null", "/nowhere"])),
        lambda: root.remove(path),
        lambda: root.write("/etc/systemd/networkd.conf.d/x.conf", "[Network]\n" + chance.choice(["ManageForeignRoutes=no", "SpeedMeter=yes"]) + "\n"),
        lambda: root.write("/etc/systemd/network/50-vrf.netdev", "[NetDev]\nName=dummy0\nKind=dummy\n"),
        lambda: root.link(f"/etc/systemd/system/{chance.choice(['systemd-networkd.service', 'systemd-networkd.socket', 'systemd-udevd.service', 'network.target'])}", "/dev/null"),
        lambda: root.remove("/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"),
        lambda: root.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\naddress 10.9.9.9/24\n"),
    ])  # fmt: skip


@kind("network", weight=4)
def sysctl(chance: Chance, root: Root) -> str:
    line = chance.choice([
        "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.default.rp_filter=2", "net.ipv4.icmp_echo_ignore_all=1", "net.ipv4.tcp_syncookies=1",
        "net.ipv4.ip_default_ttl=1", "net.ipv4.tcp_max_syn_backlog=0", "net.core.somaxconn=0", "net.ipv4.conf.all.arp_ignore=8",
        "net.ipv4.conf.all.arp_announce=2", "net.ipv4.conf.all.arp_filter=1", "net.ipv4.tcp_keepalive_time=1", "net.ipv4.tcp_retries2=1",
        "net.ipv6.conf.all.disable_ipv6=1", "net.ipv4.ip_forward=1", "net.ipv4.tcp_timestamps=0", "net.ipv4.tcp_sack=0",
        "net.ipv4.conf.all.drop_gratuitous_arp=1", "net.ipv4.conf.all.accept_local=0", "net.ipv4.tcp_rmem=1 1 1", "net.ipv4.tcp_wmem=1 1 1",
        "net.ipv4.ip_unprivileged_port_start=0", "net.ipv4.tcp_ecn=1", "net.ipv4.tcp_mtu_probing=2", "net.ipv4.tcp_base_mss=48",
        "net.ipv4.conf.all.route_localnet=0", "net.ipv4.neigh.default.gc_thresh3=0", "net.ipv4.tcp_synack_retries=0", "net.ipv4.tcp_min_snd_mss=48",
        "net.ipv4.conf.all.bootp_relay=1", "net.ipv4.conf.all.medium_id=-1", "net.ipv4.fwmark_reflect=1", "net.core.default_qdisc=fq",
    ])  # fmt: skip
    return root.write(chance.choice(["/etc/sysctl.d/60-x.conf", "/etc/sysctl.d/99-zz.conf"]), line + "\n")


# -- sshd ----------------------------------------------------------------------------------------------------------

SSHD_LINES = (
    "Port 2222", "ListenAddress 127.0.0.1", "ListenAddress 192.0.2.9", "ListenAddress 192.0.2.2", "AddressFamily inet6", "AddressFamily inet",
    "Ciphers aes128-cbc", "Ciphers aes256-ctr", "Ciphers 3des-cbc", "Ciphers -*", "Ciphers chacha20-poly1305@openssh.com", "Ciphers nosuch",
    "MACs hmac-md5", "MACs hmac-sha1", "MACs hmac-sha2-512", "MACs umac-64@openssh.com", "MACs hmac-md5-96", "MACs hmac-sha1-96", "KexAlgorithms diffie-hellman-group1-sha1",
    "KexAlgorithms diffie-hellman-group14-sha1", "KexAlgorithms ecdh-sha2-nistp521", "KexAlgorithms curve25519-sha256", "KexAlgorithms diffie-hellman-group-exchange-sha1",
    "KexAlgorithms diffie-hellman-group-exchange-sha256", "KexAlgorithms diffie-hellman-group18-sha512", "KexAlgorithms -curve*", "KexAlgorithms sntrup761x25519-sha512@openssh.com",
    "HostKeyAlgorithms ssh-rsa", "HostKeyAlgorithms ssh-dss", "HostKeyAlgorithms rsa-sha2-512", "HostKeyAlgorithms ecdsa-sha2-nistp256", "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com",
    "PubkeyAcceptedAlgorithms rsa-sha2-256", "PubkeyAcceptedAlgorithms ssh-ed25519", "PubkeyAcceptedAlgorithms -ssh-ed25519", "PubkeyAcceptedAlgorithms ecdsa*", "CASignatureAlgorithms ssh-rsa",
    "HostKey /etc/ssh/nosuch", "HostKey /etc/ssh/ssh_host_rsa_key", "HostKey /etc/ssh/ssh_host_ed25519_key", "HostKey /etc/passwd", "HostCertificate /nowhere", "HostKeyAgent /nowhere",
    "MaxStartups 0", "MaxStartups 1", "MaxStartups 10:30:100", "MaxStartups 1:100:1", "MaxSessions 0", "MaxSessions 1", "MaxAuthTries 0", "MaxAuthTries 1", "LoginGraceTime 1",
    "LoginGraceTime 0", "LoginGraceTime 20", "ClientAliveInterval 1", "ClientAliveCountMax 0", "ClientAliveInterval 1\nClientAliveCountMax 1", "PerSourceMaxStartups 0", "PerSourceMaxStartups 1",
    "PerSourceNetBlockSize 0:0", "PerSourcePenalties yes", "PerSourcePenalties authfail:1h min:1h", "PerSourcePenalties crash:1h", "RekeyLimit 1K", "RekeyLimit default 1s", "UnusedConnectionTimeout 1s",
    "ChannelTimeout session=1s", "ChannelTimeout global=2s", "ChannelTimeout *=1s", "PermitTTY no", "PermitUserRC no", "PermitUserEnvironment yes", "ForceCommand /bin/false", "ForceCommand internal-sftp",
    "ForceCommand /nowhere", "ForceCommand bash -l", "ChrootDirectory /home", "ChrootDirectory /home/%u", "ChrootDirectory /nowhere", "ChrootDirectory /", "Subsystem sftp2 /nowhere", "Subsystem sftp /nowhere",
    "AllowUsers bob", "AllowUsers alice root", "AllowUsers alice@10.0.0.0/8 root@10.*", "DenyUsers alice root", "AllowGroups ssh", "AllowGroups sudo root", "DenyGroups alice root", "AllowUsers *@198.51.100.*",
    "PermitRootLogin no", "PermitRootLogin forced-commands-only", "PermitRootLogin yes", "PubkeyAuthentication no", "PasswordAuthentication no", "AuthenticationMethods publickey,password",
    "AuthenticationMethods publickey", "AuthenticationMethods any", "AuthenticationMethods password", "AuthenticationMethods publickey,keyboard-interactive:pam", "UsePAM no", "StrictModes no",
    "AuthorizedKeysFile none", "AuthorizedKeysFile /etc/keys/%u", "AuthorizedKeysFile .ssh/keys", "AuthorizedKeysFile .ssh/authorized_keys", "AuthorizedKeysCommand /bin/false\nAuthorizedKeysCommandUser nobody",
    "AuthorizedKeysCommand /nowhere\nAuthorizedKeysCommandUser nobody", "AuthorizedKeysCommand /bin/cat /root/.ssh/authorized_keys\nAuthorizedKeysCommandUser root", "AuthorizedKeysCommand /bin/false",
    "AuthorizedKeysCommand /bin/sleep 300\nAuthorizedKeysCommandUser nobody", "AuthorizedPrincipalsFile /nowhere", "AuthorizedPrincipalsCommand /bin/false", "RevokedKeys /nowhere", "RevokedKeys /etc/passwd",
    "RevokedKeys /root/.ssh/authorized_keys", "TrustedUserCAKeys /nowhere", "TrustedUserCAKeys /root/.ssh/authorized_keys", "RequiredRSASize 16384", "Banner /etc/nosuch", "Banner /etc/issue.net", "Banner /dev/zero",
    "VersionAddendum x", "DebianBanner no", "UseDNS yes", "GSSAPIAuthentication yes", "KerberosAuthentication yes", "HostbasedAuthentication yes", "IgnoreRhosts no", "Compression yes", "Compression no", "TCPKeepAlive no",
    "PrintMotd yes", "PrintLastLog no", "X11Forwarding no", "X11UseLocalhost no", "AllowTcpForwarding no", "DisableForwarding yes", "PermitTunnel yes", "GatewayPorts yes", "StreamLocalBindUnlink yes",
    "SetEnv BASH_ENV=/nowhere", "SetEnv PATH=/nowhere", "SetEnv LD_PRELOAD=/nowhere", "SetEnv SHELL=/bin/false", "AcceptEnv *", "PidFile /nowhere/x", "PidFile none", "LogLevel DEBUG3", "LogLevel NOSUCH",
    "SyslogFacility LOCAL9", "IPQoS 0xff", "IPQoS none", "IPQoS af99", "RDomain 99", "RDomain %D", "ListenAddress 0.0.0.0 rdomain x", "ModuliFile /nowhere", "PAMServiceName nosuch", "PAMServiceName login",
    "SecurityKeyProvider /nowhere", "PubkeyAuthOptions touch-required", "PubkeyAuthOptions verify-required", "ExposeAuthInfo yes", "FingerprintHash md5", "SshdSessionPath /nowhere", "SshdAuthPath /nowhere", "Include /nowhere/*.conf",
    "Include /etc/ssh/*", "Include /etc/passwd", "UsePrivilegeSeparation no", "Protocol 1", "Protocol 2", "NoSuchOption yes", "RefuseConnection yes", "Port 22\nPort 2222", "Port 0", "LoginGraceTime 1ms",
    "Match User alice\nPasswordAuthentication no", "Match User alice\nPubkeyAuthentication no\nMatch all", "Match Address 198.51.100.0/24\nMaxSessions 0", "Match Address 10.0.0.0/8\nDenyUsers *", "Match LocalPort 22\nForceCommand /bin/false",
    "Match Group sudo\nChrootDirectory /srv", "Match User root,alice\nPermitTTY no\nMatch all", "Match Host *.example.org\nAllowUsers nobody", "Match exec /bin/false\nUsePAM no", "Match all\nMaxAuthTries 0", "Match LocalAddress 192.0.2.2\nAuthorizedKeysFile none",
    "Match invalid-user\nRefuseConnection yes", "Match version OpenSSH_9*\nRefuseConnection yes", "Match User *,!alice\nForceCommand /bin/true", "Match RDomain x\nAuthorizedKeysFile none", "Match Command x\nPermitTTY no",
)  # fmt: skip


@kind("service", "listen", "accept", "account", "key", "session", weight=30)
def sshd_option(chance: Chance, root: Root) -> str:
    line = chance.choice(SSHD_LINES)
    if chance.random() < 0.7 and not line.startswith("Match"):
        return root.write("/etc/ssh/sshd_config.d/10-local.conf", line + "\n")
    if line.startswith("Match"):
        return root.append("/etc/ssh/sshd_config", line + "\n")
    return root.prepend("/etc/ssh/sshd_config", line + "\n")


@kind("service", weight=2)
def sshd_options_file(chance: Chance, root: Root) -> str:
    return root.write("/etc/default/ssh", chance.choice([
        "SSHD_OPTS=-p 2222\n", "SSHD_OPTS='-o Port=2222'\n", "SSHD_OPTS=--nonsense\n", "SSHD_OPTS=-u0\n", "export SSHD_OPTS=-p2222\n", "LD_PRELOAD=/nowhere.so\n",
        "LD_LIBRARY_PATH=/srv\n", "OPENSSL_CONF=/etc/passwd\n", "SSHD_OPTS=-ddd\n", "SSHD_OPTS=-e\n", "SSHD_OPTS=-4\n", "SSHD_OPTS=-6\n", "SSHD_OPTS=-t\n", "MALLOC_ARENA_MAX=1\n",
        "SSHD_OPTS=\"-f /etc/ssh/other\"\n", "SSHD_OPTS=-C user=alice\n", "SSHD_OPTS=-oUsePAM=no\n", "KRB5_CONFIG=/nowhere\n", "TZ=Europe/Berlin\n", "GLIBC_TUNABLES=glibc.rtld.nns=1\n",
    ]))  # fmt: skip


@kind("key", weight=8)
def key_line(chance: Chance, root: Root) -> str:
    home = chance.choice(["/home/alice", "/root"])
    path = f"{home}/.ssh/authorized_keys"
    text = root.text(path)
    return root.write(path, chance.choice([
        f'from="10.0.0.0/8" {text}', f'command="/bin/false" {text}', f'command="bash -l" {text}', f"no-pty {text}", f"restrict {text}", f"restrict,pty {text}",
        f'expiry-time="20200101" {text}', f'environment="PATH=/x" {text}', f"cert-authority {text}", text.replace("AAAA", "AAAB", 1), text.replace(" ", "  "), "\ufeff" + text,
        text.replace("\n", "\r\n"), text[: len(text) // 2], text.replace(" ", "\n", 1), f"nosuchoption {text}", f'tunnel="0" {text}', text.upper(), f"# {text}", text.strip(),
        f'from="198.51.100.7" {text}', f'principals="x" {text}', f"no-user-rc {text}", f'from="!198.51.100.7,*" {text}', text.replace("ssh-ed25519", "ssh-rsa"), f"no-touch-required {text}",
        "x" * 20000 + "\n" + text, "\n" * 5000 + text, f"command=/bin/false {text}", f'command="exit 1" {text}', f'command="exec $SHELL" {text}', f'command="sleep 3000" {text}',
    ]))  # fmt: skip


@kind("service", weight=5)
def host_key(chance: Chance, root: Root) -> str:
    way = chance.choice(["all", "one", "mode", "owner", "empty", "cut", "public", "swap", "crlf"])
    names = [f"/etc/ssh/ssh_host_{each}_key" for each in ("ed25519", "rsa", "ecdsa")]
    chosen = names if chance.random() < 0.6 else [chance.choice(names)]
    told = []
    for path in chosen:
        match way:
            case "all" | "one":
                told.append(root.remove(path))
            case "mode":
                told.append(root.chmod(path, chance.choice([0o644, 0o640, 0o666, 0, 0o400])))
            case "owner":
                told.append(root.chown(path, 1000, 1000))
            case "empty":
                root.write(path, b"")
            case "cut":
                text = root.text(path)
                root.write(path, text[: len(text) * 2 // 3])
            case "public":
                root.write(path, root.text(path + ".pub"))
            case "swap":
                root.write(path, root.text(names[0]))
            case "crlf":
                root.write(path, root.text(path).replace("\n", "\r\n"))
    return f"host keys: {way} {' '.join(chosen)} {'; '.join(told)}"


# -- PAM, accounts, names ------------------------------------------------------------------------------------------

PAM_LINES = (
    "pam_exec.so /bin/false", "pam_exec.so /bin/true", "pam_exec.so /nowhere", "pam_exec.so quiet /usr/bin/test -e /run/go", "pam_exec.so /etc/passwd", "pam_exec.so seteuid /bin/true", "pam_exec.so",
    "pam_script.so", "pam_google_authenticator.so", "pam_google_authenticator.so nullok", "pam_duo.so", "pam_sss.so", "pam_ldap.so", "pam_winbind.so", "pam_tally2.so deny=3", "pam_tally.so", "pam_cracklib.so", "pam_lastlog.so",
    "pam_lastlog2.so", "pam_deny.so", "pam_permit.so", "pam_warn.so", "pam_debug.so acct=perm_denied", "pam_debug.so open_session=session_err", "pam_debug.so auth=ignore cred=cred_err", "pam_echo.so x", "pam_access.so", "pam_access.so accessfile=/nowhere",
    "pam_listfile.so item=user sense=allow file=/nowhere onerr=fail", "pam_listfile.so item=user sense=deny file=/etc/passwd onerr=succeed", "pam_localuser.so", "pam_nologin.so", "pam_securetty.so", "pam_shells.so", "pam_succeed_if.so user ingroup nosuch",
    "pam_succeed_if.so uid >= 0", "pam_succeed_if.so uid < 1000 quiet", "pam_time.so", "pam_wheel.so", "pam_rootok.so", "pam_userdb.so db=/nowhere", "pam_ftp.so", "pam_group.so", "pam_issue.so", "pam_faildelay.so delay=1000", "pam_faillock.so",
    "pam_faillock.so preauth", "pam_faillock.so authfail", "pam_namespace.so", "pam_mkhomedir.so", "pam_umask.so", "pam_umask.so umask=0777", "pam_limits.so conf=/nowhere", "pam_limits.so set_all", "pam_env.so conffile=/nowhere", "pam_env.so envfile=/nowhere",
    "pam_loginuid.so", "pam_loginuid.so require_auditd", "pam_tty_audit.so enable=*", "pam_keyinit.so force", "pam_selinux.so open", "pam_sepermit.so", "pam_systemd.so", "pam_systemd.so debug", "pam_systemd_home.so", "pam_unix.so", "pam_unix.so broken_shadow",
    "pam_usertype.so isregular", "pam_usertype.so issystem", "pam_setquota.so", "pam_timestamp.so", "pam_xauth.so", "pam_rhosts.so", "pam_pwhistory.so", "pam_stress.so", "pam_filter.so run1 /bin/false", "pam_motd.so motd=/nowhere", "pam_mail.so dir=/nowhere",
    "/lib/security/pam_unix.so", "pam_unix", "pam_cap.so", "pam_mount.so", "pam_apparmor.so", "pam_ssh.so", "pam_oath.so usersfile=/nowhere", "pam_fscrypt.so", "pam_cgfs.so -c freezer", "pam_chroot.so", "pam_abl.so", "pam_canonicalize_user.so", "pam_gdm.so",
)  # fmt: skip
CONTROLS = ("required", "required", "required", "requisite", "optional", "sufficient", "[success=1 default=ignore]", "[default=die]", "[success=ok default=bad]",
            "[success=done default=die]", "include", "substack", "binding", "[success=99 default=ignore]")  # fmt: skip


@kind("account", "session", weight=26)
def pam_line(chance: Chance, root: Root) -> str:
    path = chance.choice(
        ["/etc/pam.d/sshd"] * 3 + ["/etc/pam.d/common-account", "/etc/pam.d/common-session", "/etc/pam.d/common-auth"]
    )
    facility = chance.choice(["account", "account", "session", "session", "auth", "-session", "-account"])
    line = f"{facility}\t{chance.choice(CONTROLS)}\t{chance.choice(PAM_LINES)}\n"
    return root.prepend(path, line) if chance.random() < 0.5 else root.append(path, line)


@kind("account", "session", weight=6)
def pam_change(chance: Chance, root: Root) -> str:
    path = chance.choice(["/etc/pam.d/sshd", "/etc/pam.d/common-account", "/etc/pam.d/common-session"])
    lines = root.text(path).split("\n")
    at = chance.choice([number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")])
    before = lines[at]
    way = chance.choice(["gone", "control", "module", "typo", "crlf", "twice", "cut"])
    match way:
        case "gone":
            lines[at] = "# " + before
        case "control":
            for old in ("required", "optional", "[success=1 new_authtok_reqd=done default=ignore]", "[default=1]"):
                if old in before:
                    lines[at] = before.replace(
                        old,
                        chance.choice(
                            ["requisite", "required", "sufficient", "[success=2 default=ignore]", "[default=die]"]
                        ),
                    )
                    break
        case "module":
            lines[at] = before.replace("pam_", "pam_x")
        case "typo":
            lines[at] = before.replace("include", "inlcude").replace("session", "sesion").replace("account", "acount")
        case "crlf":
            lines = [f"{line}\r" for line in lines]
        case "twice":
            lines[at] = before + "\n" + before
        case "cut":
            lines = lines[:at]
    root.write(path, "\n".join(lines))
    return f"{path}: {way} at {before!r}"


@kind("session", "account", weight=10)
def limits(chance: Chance, root: Root) -> str:
    who = chance.choice(["*", "alice", "root", "@sudo", "@alice", "1000:", "*", "-"])
    how = chance.choice(["hard", "soft", "-"])
    item, value = chance.choice([
        ("nproc", "0"), ("nproc", "1"), ("nproc", "2"), ("nproc", "10"), ("nproc", "4096"), ("nofile", "0"), ("nofile", "3"), ("nofile", "8"), ("nofile", "1024"), ("nofile", "unlimited"), ("nofile", "9999999999"),
        ("fsize", "0"), ("fsize", "1"), ("as", "1"), ("as", "1000"), ("as", "10000"), ("as", "100000"), ("data", "1"), ("data", "100"), ("stack", "1"), ("stack", "16"), ("stack", "64"), ("stack", "8192"), ("core", "0"),
        ("cpu", "1"), ("cpu", "0"), ("memlock", "0"), ("rss", "1"), ("maxlogins", "0"), ("maxlogins", "1"), ("maxsyslogins", "0"), ("priority", "19"), ("priority", "-20"), ("nice", "-20"), ("rtprio", "0"), ("sigpending", "0"),
        ("locks", "0"), ("msgqueue", "0"), ("chroot", "/nowhere"), ("chroot", "/home"), ("nosuch", "1"), ("nofile", "abc"), ("nonewprivs", "1"),
    ])  # fmt: skip
    path = chance.choice(["/etc/security/limits.conf", "/etc/security/limits.d/90-x.conf"])
    return root.write(path, f"{who} {how} {item} {value}\n")


@kind("account", "session", "service", weight=9)
def pam_files(chance: Chance, root: Root) -> str:
    """Files that PAM's modules read."""
    return done_one(chance, [
        lambda: root.write("/etc/security/access.conf", chance.choice(["-:ALL:ALL\n", "-:ALL EXCEPT root:ALL\n", "+:alice:10.0.0.0/8\n-:ALL:ALL\n"])) + "; " + root.prepend("/etc/pam.d/sshd", "account required pam_access.so\n"),
        lambda: root.write("/etc/nologin", "x\n"),
        lambda: root.write("/var/run/nologin", "x\n"),
        lambda: root.write("/etc/hosts.deny", chance.choice(["ALL: ALL\n", "sshd: 198.51.100.\n", "sshd: ALL: spawn /bin/true\n", "sshd: ALL EXCEPT 192.0.2.\n", "ALL: UNKNOWN\n", "ALL: PARANOID\n", "sshd: ALL\\\n"])),
        lambda: root.write("/etc/hosts.allow", chance.choice(["sshd: ALL: deny\n", "sshd: 10.: allow\nsshd: ALL: twist /bin/false\n", "ALL: ALL: severity nosuch\n", "sshd: ALL: sleep 5\n", "sshd: ALL: user nosuch\n", "sshd: ALL: setenv X\n"])),
        lambda: root.write("/etc/environment", chance.choice(["PATH=/nowhere\n", "LD_PRELOAD=/nowhere.so\n", "BASH_ENV=/nowhere\n", "SHELL=/bin/false\n", "ENV=/nowhere\n", "LD_LIBRARY_PATH=/srv\n", "PS1=x\n", "TMOUT=1\n", "PROMPT_COMMAND=exit\n", "HOME=/nowhere\n", "x y z\n", "BASH_ENV=/etc/passwd\n", "SHELLOPTS=errexit\n", "BASHOPTS=x\n", "LC_ALL=xx_XX\n", "TERM=x\n", "POSIXLY_CORRECT=1\n", "LD_BIND_NOW=1\n", "LD_DEBUG=all\n", "LD_AUDIT=/x\n", "GLIBC_TUNABLES=x\n"])),
        lambda: root.write("/etc/security/pam_env.conf", chance.choice(["LD_PRELOAD DEFAULT=/nowhere.so\n", "PROMPT_COMMAND DEFAULT=exit\n", "nonsense\n", "PATH DEFAULT=/nowhere\n"])),
        lambda: root.write("/etc/default/locale", chance.choice(["LANG=xx\n", "LD_PRELOAD=/nowhere.so\n", "PROMPT_COMMAND=exit\n", "TMOUT=1\n", "garbage\n"])),
        lambda: root.write("/etc/securetty", ""),
        lambda: root.write("/etc/security/namespace.conf", "/tmp /tmp-inst/ level root\n") + "; " + root.append("/etc/pam.d/sshd", "session required pam_namespace.so\n"),
        lambda: root.write("/etc/security/time.conf", "sshd;*;*;!Al0000-2400\n") + "; " + root.prepend("/etc/pam.d/sshd", "account required pam_time.so\n"),
        lambda: root.write("/etc/login.defs", root.text("/etc/login.defs") + chance.choice(["UMASK 777\n", "FAIL_DELAY 60\n", "NOLOGINS_FILE /etc/passwd\n", "UID_MIN 5000\n"])),
        lambda: root.write("/etc/pam.conf", "sshd account required pam_deny.so\n"),
        lambda: root.write("/etc/security/faillock.conf", "deny = 1\nunlock_time = 0\n") + "; " + root.prepend("/etc/pam.d/sshd", "account required pam_faillock.so\n"),
    ])  # fmt: skip


@kind("service", "account", "session", "key", weight=8)
def names(chance: Chance, root: Root) -> str:
    """nsswitch.conf(5)."""
    name = chance.choice(
        ["passwd", "passwd", "group", "shadow", "initgroups", "hosts", "services", "netgroup", "gshadow", "protocols"]
    )
    value = chance.choice(["ldap files", "files ldap", "sss files", "files sss", "files systemd", "systemd files", "winbind", "compat", "db files", "files [NOTFOUND=return] ldap", "ldap [NOTFOUND=return] files", "",
                           "ldap [UNAVAIL=return] files", "nis files", "nosuch", "nosuch files", "files [SUCCESS=continue] nosuch", "files [SUCCESS=merge] systemd", "mymachines files", "[!UNAVAIL=return] files", "file", "files,dns", "dns", "resolve [!UNAVAIL=return] files", "cache files", "extrausers files"])  # fmt: skip
    text = root.text("/etc/nsswitch.conf")
    lines = [line for line in text.split("\n") if not line.startswith(f"{name}:")]
    root.write("/etc/nsswitch.conf", "\n".join([*lines, f"{name}: {value}", ""]))
    return f"nsswitch {name}: {value}"


@kind("account", "session", "service", weight=12)
def accounts(chance: Chance, root: Root) -> str:
    """passwd(5), shadow(5) and group(5)."""
    who = chance.choice(["alice", "alice", "root", "sshd"])
    path = chance.choice(["/etc/passwd", "/etc/passwd", "/etc/shadow", "/etc/shadow", "/etc/group"])
    lines = root.text(path).split("\n")
    at = next((number for number, line in enumerate(lines) if line.startswith(f"{who}:")), 0)
    fields = lines[at].split(":")
    if chance.random() < 0.3 or path == "/etc/group":
        way = chance.choice(
            ["gone", "twice", "short", "crlf", "plus", "blank", "space", "comment", "bom", "long", "moved"]
        )
        match way:
            case "gone":
                del lines[at]
            case "twice":
                lines.insert(0, ":".join([fields[0], fields[1], "1234", *fields[3:]]))
            case "short":
                lines[at] = ":".join(fields[:3])
            case "crlf":
                lines = [f"{line}\r" if line else line for line in lines]
            case "plus":
                lines.insert(0, "+::::::")
            case "blank":
                lines.insert(at, "")
            case "space":
                lines[at] = " " + lines[at]
            case "comment":
                lines[at] = "#" + lines[at]
            case "bom":
                lines[0] = "\ufeff" + lines[0]
            case "long":
                lines.insert(0, "x" * 10000)
            case "moved":
                lines.append(lines.pop(at))
        root.write(path, "\n".join(lines))
        return f"{path}: {way} {who}"
    if path == "/etc/passwd":
        number, value = chance.choice([(6, "/bin/false"), (6, "/usr/sbin/nologin"), (6, "/bin/zsh"), (6, "bash"), (6, ""), (6, "/bin/sh"), (6, "/usr/bin/tmux"), (6, "/bin/bash "), (6, "/usr/bin/git-shell"), (6, "/usr/bin/true"), (6, "/bin"),
                                       (6, "/usr/bin/id"), (6, "/home/alice/shell"), (6, "/usr/bin/rbash"), (5, "/nowhere"), (5, ""), (5, "/"), (5, "home/alice"), (5, "/root"), (5, "/dev/null"), (2, "0"), (2, "1001"), (2, "x"), (2, "-1"), (2, "4294967295"),
                                       (3, "0"), (3, "4242"), (3, "x"), (1, ""), (1, "*"), (1, "!"), (0, "Alice"), (4, "x" * 500), (6, "/bin/bash -l"), (6, "/usr/bin/dash"), (6, "/usr/bin/python3"), (6, "/bin/su")])  # fmt: skip
    else:
        number, value = chance.choice(
            [
                (1, "!"),
                (1, "*"),
                (1, "!!"),
                (1, ""),
                (1, "!$6$x$y"),
                (1, "*LK*"),
                (2, "0"),
                (2, "99999999"),
                (2, ""),
                (4, "1"),
                (4, "0"),
                (6, "0"),
                (7, "1"),
                (7, "0"),
                (7, "99999"),
                (7, "x"),
                (7, "-1"),
                (3, "99999"),
                (8, "1"),
                (2, "x"),
                (5, "x"),
            ]
        )
    while len(fields) <= number:
        fields.append("")
    fields[number] = value
    lines[at] = ":".join(fields)
    root.write(path, "\n".join(lines))
    return f"{path}: {who} field {number} := {value!r}"


# -- the session ---------------------------------------------------------------------------------------------------

RC_LINES = (
    "exit", "exit 1", "exec /bin/false", "exec /bin/zsh", "exec sleep 3000", "sleep 3000", "logout", "return 1", "kill -9 $$", "kill -HUP $PPID", "while :; do sleep 1; done", "read x", "cat", "set -e; false", "set -e", "TMOUT=1",
    "trap 'exit' DEBUG", "PROMPT_COMMAND=exit", "PROMPT_COMMAND='kill $$'", "exec tmux", "[ -z \"$TMUX\" ] && exec tmux", "[ -n \"$PS1\" ] && exec zsh", "ulimit -v 1000", "ulimit -u 0", "ulimit -t 1", "ulimit -f 0", "ulimit -n 3", ". /nowhere",
    "source ~/.nosuch || exit 1", "if [", "case x in", "echo 'unbalanced", "stty -echo", "stty -F /dev/tty raw", "exec </dev/null", "exec >/dev/null 2>&1", "exec 1>&-", "alias ls='ls --color'", "alias echo=false", "alias exit=true", "export PATH=/nowhere",
    "unset PATH", "PATH=$PATH:/opt/bin", "umask 777", "umask 027", "cd /nowhere", "cd /nowhere || exit", "export EDITOR=vim", "export PS1='$ '", "eval \"$(nosuch init)\"", "eval $(ssh-agent)", "[ -f ~/.x ] && . ~/.x", "echo hello", "printf '\\033c'",
    "curl -s example.org", "ssh-add", "fastfetch", "sudo -v", "su -", "exec su - root", "exec bash --norc", "exec bash", "bash", "exec $SHELL -l", "builtin exit", "\\exit", "command exit", "eval exit", "x() { exit; }; x", "[ 1 = 1 ] && exit", "false || exit",
    "true && logout", "test $(id -u) -ge 1000 && exit", "[ $(id -u) -ne 0 ] && exit 1", "[ -t 0 ] && exit", "case $- in *i*) exit;; esac", "if true; then exit; fi", "if [ \"$USER\" = alice ]; then exit; fi", "{ exit; }", "(exit)", "exit & :", "exec 3<>/dev/tcp/192.0.2.77/80",
    "systemctl --user start x", "loginctl terminate-session $XDG_SESSION_ID", "pkill -u $USER", "pkill bash", "kill $(pgrep -u $UID sshd)", "shopt -s extdebug", "set -o nounset", "set -u", "set -n", "set -r", "bind x", "enable -n echo", "readonly PATH", "readonly UID",
    "[[ $SSH_CONNECTION ]] && exit", "[ -n \"$SSH_TTY\" ] && exec /usr/local/bin/menu", "/usr/local/bin/menu", "exec /usr/bin/script -q /dev/null", "screen -R", "exec screen -R", "exec /usr/sbin/nologin", "chsh", "passwd", "wait", "suspend", "trap '' INT; read",
)  # fmt: skip


@kind("session", weight=20)
def rc_file(chance: Chance, root: Root) -> str:
    path = chance.choice(["/etc/profile", "/etc/profile.d/x.sh", "/etc/bash.bashrc", "/home/alice/.profile", "/home/alice/.bashrc", "/home/alice/.bash_profile", "/home/alice/.bash_login", "/root/.bashrc", "/root/.profile",
                          "/home/alice/.bash_aliases", "/home/alice/.bash_logout", "/home/alice/.inputrc"])  # fmt: skip
    line = chance.choice(RC_LINES) + "\n"
    if not root.exists(path):
        return root.write(path, line, 0o644)
    return root.prepend(path, line) if chance.random() < 0.5 else root.append(path, line)


@kind("session", weight=5)
def ssh_rc(chance: Chance, root: Root) -> str:
    path = chance.choice(["/etc/ssh/sshrc", "/home/alice/.ssh/rc"])
    told = root.write(
        path,
        chance.choice(
            [
                "exit 1\n",
                "sleep 3000\n",
                "kill -9 $PPID\n",
                "echo hi\n",
                "read x\n",
                "if [\n",
                "cat\n",
                "kill $PPID; sleep 9\n",
                "pkill sshd\n",
                "exec sleep 9999 >/dev/null\n",
                "mail -s login root </dev/null\n",
            ]
        ),
        0o644,
    )
    if chance.random() < 0.3:
        told += "; " + root.append("/etc/ssh/sshd_config", "PermitUserEnvironment yes\n")
        told += "; " + root.write(
            "/home/alice/.ssh/environment", chance.choice(["PATH=/x\n", "LD_PRELOAD=/x\n", "PROMPT_COMMAND=exit\n"])
        )
    return told


@kind("session", weight=3)
def motd(chance: Chance, root: Root) -> str:
    return root.write(
        "/etc/update-motd.d/99-x",
        chance.choice(
            [
                "#!/bin/sh\nsleep 3000\n",
                "#!/bin/sh\nexit 1\n",
                "#!/bin/sh\necho hi\n",
                "#!/bin/sh\nyes\n",
                "#!/bin/sh\nkill $PPID\n",
                "#!/nowhere\n",
                "#!/bin/sh\ncat\n",
                "#!/bin/sh\nexec >/dev/tty; read x </dev/tty\n",
            ]
        ),
        0o755,
    )


@kind("service", "account", "session", "accept", weight=5)
def loader(chance: Chance, root: Root) -> str:
    """What the dynamic loader takes."""
    way = chance.choice(
        [
            "preload",
            "preload-garbage",
            "preload-real",
            "local-cut",
            "conf",
            "nocache",
            "wrongarch",
            "cache-old",
            "noconf",
        ]
    )
    match way:
        case "preload":
            return root.write("/etc/ld.so.preload", "/nowhere.so\n")
        case "preload-garbage":
            root.write("/usr/local/lib/x.so", b"\x7fELFgarbage", 0o755)
            return root.write("/etc/ld.so.preload", "/usr/local/lib/x.so\n")
        case "preload-real":
            return root.write(
                "/etc/ld.so.preload",
                f"{LIBRARIES}/{chance.choice(['libz.so.1', 'libpam.so.0', 'libc.so.6', 'libcrypto.so.3'])}\n",
            )
        case "conf":
            return root.write("/etc/ld.so.conf.d/00-x.conf", "/srv/lib\n")
        case "nocache":
            return root.remove("/etc/ld.so.cache")
        case "noconf":
            root.remove("/etc/ld.so.conf.d")
            subprocess.run(["ldconfig", "-r", str(root.place)], check=False, capture_output=True)
            return "ld.so.conf.d gone, ldconfig"
    name = chance.choice(
        [
            "libcrypto.so.3",
            "libz.so.1",
            "libpam.so.0",
            "libcrypt.so.1",
            "libtinfo.so.6",
            "libselinux.so.1",
            "libsystemd.so.0",
        ]
    )
    data = root.real(f"{LIBRARIES}/{name}").read_bytes()
    if way == "wrongarch":
        data = data[:18] + b"\xb7\0" + data[20:]
    elif way == "local-cut":
        data = data[: len(data) // 2]
    root.write(f"/usr/local/lib/{name}", data, 0o644)
    subprocess.run(["ldconfig", "-r", str(root.place)], check=False, capture_output=True)
    return f"/usr/local/lib/{name} {way}, ldconfig"


# -- what closes the door late -------------------------------------------------------------------------------------

CLOSING = (
    "systemctl stop ssh", "systemctl disable --now ssh", "ip link set eth0 down", "ip addr flush dev eth0", "ip route del default", "ip route flush table main", "nft add table inet x; nft 'add chain inet x i { type filter hook input priority 0; policy drop; }'",
    "iptables -P INPUT DROP", "iptables -A INPUT -p tcp --dport 22 -j DROP", "iptables -A INPUT -p tcp --dport 22 -s 10.0.0.0/8 -j DROP", "nft -f /etc/closed.nft", "ufw --force enable", "ip rule add from all blackhole", "touch /etc/nologin", "touch /run/nologin", "usermod -L alice", "passwd -l root",
    "usermod -s /bin/false alice", "chmod 777 /home/alice /root", "rm -f /home/alice/.ssh/authorized_keys /root/.ssh/authorized_keys", "pkill sshd", "systemctl mask --now --runtime ssh", "systemctl isolate rescue.target", "kill -STOP $(pgrep -o sshd)", "chown -R root /home/alice", "echo hello",
    "date > /var/tmp/x", "/opt/app/start", "sysctl -w net.ipv4.ip_forward=1", "logger booted", "mount -o remount,ro /home", "ip neigh replace 192.0.2.1 lladdr 02:00:00:00:00:77 dev eth0 nud permanent", "tc qdisc add dev eth0 root netem loss 100%", "systemctl restart ssh", "sleep 1; systemctl kill ssh",
    "sed -i s/^#Port.22/Port\\ 2222/ /etc/ssh/sshd_config; systemctl restart ssh", "mount -t tmpfs x /home", "hostname x", "umount -l /proc", "chmod 600 /dev/null", "chmod 600 /dev/ptmx /dev/pts/ptmx", "systemctl start rescue.target", "/usr/local/bin/lock-down.sh", "python3 /opt/x.py",
)  # fmt: skip


@kind("service", "network", "firewall", "account", "key", "session", "listen", weight=16)
def late(chance: Chance, root: Root) -> str:
    command = chance.choice(CLOSING)
    if "closed.nft" in command:
        root.write("/etc/closed.nft", "table inet x { chain i { type filter hook input priority 0; policy drop; } }\n")
    for path in ("/opt/app/start", "/usr/local/bin/lock-down.sh"):
        if path in command:
            root.write(
                path,
                "#!/bin/sh\n"
                + chance.choice(
                    [
                        "echo fine",
                        "systemctl stop ssh",
                        "ip link set eth0 down",
                        "d=eth0; ip link set dev $d down",
                        "exec /opt/app/bin --serve",
                    ]
                )
                + "\n",
                0o755,
            )
    if "/opt/x.py" in command:
        root.write("/opt/x.py", chance.choice(["import os\nos.system('systemctl stop ssh')\n", "print(1)\n"]))
    system = "/etc/systemd/system"
    shell = f'/bin/sh -c "{command}"' if '"' not in command else f"/bin/sh -c {command!r}"
    way = chance.choice(
        ["service", "rclocal", "timer", "script", "post", "path", "generator", "networkd", "wanted", "late"]
    )
    match way:
        case "service":
            root.write(
                f"{system}/own.service",
                f"[Unit]\nAfter=ssh.service network.target\n[Service]\nType=oneshot\nExecStart={shell}\n[Install]\nWantedBy=multi-user.target\n",
            )
            root.link(f"{system}/multi-user.target.wants/own.service", f"{system}/own.service")
        case "late":
            root.write(
                f"{system}/own.service", f"[Service]\nType=simple\nExecStartPre=/bin/sleep 1\nExecStart={shell}\n"
            )
            root.link(f"{system}/multi-user.target.wants/own.service", f"{system}/own.service")
        case "rclocal":
            root.write("/etc/rc.local", f"#!/bin/sh\n{command}\nexit 0\n", 0o755)
        case "timer":
            root.write(f"{system}/own.service", f"[Service]\nType=oneshot\nExecStart={shell}\n")
            root.write(
                f"{system}/own.timer", "[Timer]\nOnBootSec=1s\nAccuracySec=100ms\n[Install]\nWantedBy=timers.target\n"
            )
            root.link(f"{system}/timers.target.wants/own.timer", f"{system}/own.timer")
        case "script":
            root.write("/opt/boot.sh", f"#!/bin/sh\n{command}\n", 0o755)
            root.write(
                f"{system}/own.service",
                "[Unit]\nAfter=ssh.service network.target\n[Service]\nType=oneshot\nExecStart=/opt/boot.sh\n",
            )
            root.link(f"{system}/multi-user.target.wants/own.service", f"{system}/own.service")
        case "post":
            root.write(f"{system}/ssh.service.d/x.conf", f"[Service]\nExecStartPost={shell}\n")
        case "path":
            root.write(f"{system}/own.service", f"[Service]\nType=oneshot\nExecStart={shell}\n")
            root.write(f"{system}/own.path", "[Path]\nPathExists=/etc/passwd\n")
            root.link(f"{system}/paths.target.wants/own.path", f"{system}/own.path")
        case "generator":
            root.write(
                "/etc/systemd/system-generators/own",
                "#!/bin/sh\nmkdir -p $1/multi-user.target.wants\nprintf '[Unit]\\nAfter=ssh.service\\n[Service]\\nType=oneshot\\nExecStart=/opt/boot.sh\\n' > $1/own.service\nln -s ../own.service $1/multi-user.target.wants/\n",
                0o755,
            )
            root.write("/opt/boot.sh", f"#!/bin/sh\n{command}\n", 0o755)
        case "networkd":
            root.write(f"{system}/systemd-networkd.service.d/x.conf", f"[Service]\nExecStartPost=+{shell}\n")
        case "wanted":
            root.write(
                "/usr/local/lib/systemd/system/own.service",
                f"[Unit]\nAfter=ssh.service network.target\n[Service]\nType=oneshot\nExecStart={shell}\n",
            )
            root.link(f"{system}/ssh.service.wants/own.service", "/usr/local/lib/systemd/system/own.service")
    return f"{way}: {command}"


@kind("firewall", weight=5)
def firewall(chance: Chance, root: Root) -> str:
    system = "/etc/systemd/system"
    way = chance.choice(["nft", "ufw", "own", "dropin"])
    rules = chance.choice([
        "chain i { type filter hook input priority 0; policy drop; tcp dport 80 accept; }", "chain i { type filter hook input priority 0; policy drop; tcp dport 22 accept; }", "chain o { type filter hook output priority 0; policy drop; }",
        "chain i { type filter hook input priority 0; policy accept; tcp dport 22 reject; }", "chain i { type filter hook prerouting priority -300; policy drop; }", "chain i { type filter hook input priority 0; policy accept; ip saddr 198.51.100.0/24 drop; }",
        "chain i { type filter hook input priority 0; policy accept; tcp dport 22 ct state new limit rate 1/minute accept; tcp dport 22 ct state new drop; }", "chain i { type filter hook input priority 0; policy drop; ct state established accept; iif lo accept; icmp type echo-request accept; tcp dport ssh accept; }",
        "chain f { type filter hook forward priority 0; policy drop; }", "chain i { type filter hook input priority 0; policy accept; tcp flags & syn == syn drop; }", "chain n { type nat hook prerouting priority -100; tcp dport 22 redirect to :2222; }",
    ])  # fmt: skip
    text = f"flush ruleset\ntable inet x {{ {rules} }}\n"
    match way:
        case "nft":
            root.write("/etc/nftables.conf", "#!/usr/sbin/nft -f\n" + text, 0o755)
            root.link(f"{system}/sysinit.target.wants/nftables.service", "/lib/systemd/system/nftables.service")
            return f"nftables.service: {rules}"
        case "ufw":
            root.replace("/etc/ufw/ufw.conf", "ENABLED=no", "ENABLED=yes")
            return "ufw enabled"
        case "own":
            root.write("/etc/own.nft", text)
            root.write(
                f"{system}/own.service",
                "[Unit]\nBefore=network-pre.target\n[Service]\nType=oneshot\nExecStart=/usr/sbin/nft -f /etc/own.nft\n",
            )
            root.link(f"{system}/multi-user.target.wants/own.service", f"{system}/own.service")
            return f"own unit: {rules}"
    root.write("/etc/own.nft", text)
    root.write(f"{system}/ssh.service.d/x.conf", "[Service]\nExecStartPre=/usr/sbin/nft -f /etc/own.nft\n")
    return f"ExecStartPre of ssh: {rules}"
