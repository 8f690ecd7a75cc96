"""What people do to servers to harden them, or to live on them, and that keeps nobody out who has the right key."""

from __future__ import annotations

import random

from tests.system.clear.root import Root

HARDENED: tuple[tuple[str, str, int], ...] = (
    ("/etc/sysctl.d/60-cis.conf", "net.ipv4.ip_forward=0\nnet.ipv4.conf.all.send_redirects=0\nnet.ipv4.conf.all.accept_source_route=0\nnet.ipv4.conf.all.accept_redirects=0\n"
     "net.ipv4.conf.all.secure_redirects=0\nnet.ipv4.conf.all.log_martians=1\nnet.ipv4.icmp_echo_ignore_broadcasts=1\nnet.ipv4.tcp_syncookies=1\nkernel.randomize_va_space=2\nfs.suid_dumpable=0\n", 0o644),
    ("/etc/sysctl.d/61-no-ipv6.conf", "net.ipv6.conf.all.disable_ipv6=1\nnet.ipv6.conf.default.disable_ipv6=1\n", 0o644),
    ("/etc/systemd/system/ssh.service.d/hardening.conf", "[Service]\nProtectKernelModules=yes\nProtectKernelTunables=no\nPrivateTmp=no\nRestrictRealtime=yes\nLockPersonality=yes\n", 0o644),
    ("/etc/systemd/system/ssh.service.d/sandbox.conf", "[Service]\nProtectClock=yes\nProtectKernelLogs=yes\nProtectHostname=yes\nSystemCallArchitectures=native\n", 0o644),
    ("/etc/systemd/system/ssh.service.d/limits.conf", "[Service]\nLimitNOFILE=65536\nLimitCORE=0\nOOMScoreAdjust=-900\n", 0o644),
    ("/etc/systemd/system/ssh.service.d/restart.conf", "[Service]\nRestart=always\nRestartSec=5s\n", 0o644),
    ("/etc/systemd/system/ssh.service.d/order.conf", "[Unit]\nAfter=network-online.target\nWants=network-online.target\n", 0o644),
    ("/etc/systemd/system/ssh.service.d/describe.conf", "[Unit]\nDescription=SSH\nDocumentation=https://example.org\n[Service]\nNice=-5\nIOSchedulingPriority=0\nCPUWeight=200\n", 0o644),
    ("/etc/systemd/system.conf.d/timeouts.conf", "[Manager]\nDefaultTimeoutStopSec=15s\nDefaultLimitNOFILE=524288\n", 0o644),
    ("/etc/ssh/sshd_config.d/50-hardening.conf", "PermitRootLogin prohibit-password\nPasswordAuthentication no\nMaxAuthTries 3\nLoginGraceTime 30\nX11Forwarding no\nAllowAgentForwarding no\n", 0o600),
    ("/etc/ssh/sshd_config.d/51-crypto.conf", "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org\nCiphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com\n"
     "MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com\nHostKeyAlgorithms ssh-ed25519,rsa-sha2-512\n", 0o644),
    ("/etc/ssh/sshd_config.d/52-limits.conf", "MaxStartups 10:30:60\nMaxSessions 10\nClientAliveInterval 300\nClientAliveCountMax 3\nPerSourceMaxStartups 10\n", 0o644),
    ("/etc/ssh/sshd_config.d/53-banner.conf", "Banner /etc/issue.net\nDebianBanner no\nPrintLastLog yes\nLogLevel VERBOSE\n", 0o644),
    ("/etc/ssh/sshd_config.d/54-users.conf", "AllowUsers alice root deploy\n", 0o644),
    ("/etc/ssh/sshd_config.d/55-groups.conf", "AllowGroups sudo root ssh-users\nDenyUsers guest\n", 0o644),
    ("/etc/ssh/sshd_config.d/56-keys.conf", "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u\nStrictModes yes\nAuthenticationMethods publickey\n", 0o644),
    ("/etc/ssh/sshd_config.d/57-misc.conf", "UseDNS no\nTCPKeepAlive yes\nCompression no\nAllowTcpForwarding no\nGatewayPorts no\nPermitTunnel no\nPermitUserEnvironment no\n", 0o644),
    ("/etc/ssh/sshd_config.d/58-sftp.conf", "Match Group sftponly\n    ChrootDirectory /srv/sftp/%u\n    ForceCommand internal-sftp\n", 0o644),
    ("/etc/security/limits.d/10-server.conf", "* soft nofile 65536\n* hard nofile 65536\n* hard core 0\n* soft nproc 4096\nroot hard nofile 1048576\n", 0o644),
    ("/etc/security/limits.d/20-logins.conf", "* hard maxlogins 10\n", 0o644),
    ("/etc/security/access.conf", "+:root:ALL\n+:(sudo):ALL\n+:ALL:LOCAL\n-:ALL:ALL\n", 0o644),
    ("/etc/profile.d/umask.sh", "umask 027\n", 0o644),
    ("/etc/profile.d/timeout.sh", "TMOUT=900\nreadonly TMOUT\nexport TMOUT\n", 0o644),
    ("/etc/profile.d/history.sh", "export HISTTIMEFORMAT='%F %T '\nexport HISTSIZE=10000\nshopt -s histappend\n", 0o644),
    ("/etc/profile.d/path.sh", "export PATH=$PATH:/opt/bin\nexport EDITOR=nano\nalias ll='ls -l'\n", 0o644),
    ("/etc/profile.d/welcome.sh", "if [ -n \"$PS1\" ]; then\n    echo \"Welcome to $(hostname)\"\n    uptime\nfi\n", 0o644),
    ("/etc/update-motd.d/50-load", "#!/bin/sh\necho\nuptime\ndf -h / | tail -n 1\n", 0o755),
    ("/etc/motd", "Authorised users only.\n", 0o644),
    ("/etc/issue.net", "Authorised users only.\n", 0o644),
    ("/etc/environment", "PATH=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nLANG=C.UTF-8\nEDITOR=nano\n", 0o644),
    ("/etc/hosts.allow", "sshd: ALL\n", 0o644),
    ("/etc/hosts.deny", "# nobody\n", 0o644),
    ("/etc/tmpfiles.d/app.conf", "d /run/app 0755 root root\nd /var/lib/app 0750 alice alice\n", 0o644),
    ("/etc/systemd/system/app.service", "[Unit]\nDescription=An application\nAfter=network.target\n[Service]\nExecStart=/bin/sleep infinity\nDynamicUser=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\n[Install]\nWantedBy=multi-user.target\n", 0o644),
    ("/etc/cron.d/backup", "SHELL=/bin/sh\n17 3 * * * root /usr/local/bin/backup\n@reboot root /usr/bin/logger booted\n", 0o644),
    ("/etc/rc.local", "#!/bin/sh -e\nlogger \"the server is up\"\necho 1 > /var/tmp/up\nexit 0\n", 0o755),
    ("/etc/modprobe.d/cis.conf", "install cramfs /bin/true\ninstall squashfs /bin/true\nblacklist usb-storage\n", 0o644),
    ("/etc/systemd/coredump.conf.d/none.conf", "[Coredump]\nStorage=none\nProcessSizeMax=0\n", 0o644),
    ("/etc/systemd/journald.conf.d/small.conf", "[Journal]\nSystemMaxUse=200M\nStorage=persistent\n", 0o644),
    ("/etc/systemd/logind.conf.d/idle.conf", "[Login]\nKillUserProcesses=no\nHandleLidSwitch=ignore\n", 0o644),
    ("/etc/systemd/system/backup.timer", "[Timer]\nOnCalendar=daily\nPersistent=yes\n[Install]\nWantedBy=timers.target\n", 0o644),
    ("/etc/ld.so.conf.d/app.conf", "/opt/app/lib\n", 0o644),
    ("/etc/gai.conf", "precedence ::ffff:0:0/96 100\n", 0o644),
    ("/etc/security/faillock.conf", "deny = 5\nunlock_time = 900\naudit\n", 0o644),
    ("/home/alice/.bash_aliases", "alias ll='ls -la'\nalias gs='git status'\n", 0o644),
    ("/home/alice/.inputrc", "set completion-ignore-case on\n", 0o644),
    ("/home/alice/.vimrc", "set nu\n", 0o644),
)  # fmt: skip
"""A file, its content and mode."""

APPENDED: tuple[tuple[str, str], ...] = (
    ("/home/alice/.bashrc", "\nexport EDITOR=vim\nexport PATH=\"$HOME/bin:$PATH\"\n"),
    ("/home/alice/.bashrc", "\n[[ $- == *i* ]] && command -v tmux >/dev/null && [ -z \"$TMUX\" ] && exec tmux new -A -s main\n"),
    ("/home/alice/.bashrc", "\nexport NVM_DIR=\"$HOME/.nvm\"\n[ -s \"$NVM_DIR/nvm.sh\" ] && \\. \"$NVM_DIR/nvm.sh\"\n"),
    ("/home/alice/.bashrc", "\n# >>> conda initialize >>>\nif [ -f /opt/conda/etc/profile.d/conda.sh ]; then\n    . /opt/conda/etc/profile.d/conda.sh\nfi\n"),
    ("/home/alice/.bashrc", "\nPS1='\\u@\\h:\\w\\$ '\nalias grep='grep --color=auto'\nshopt -s globstar\n"),
    ("/home/alice/.profile", "\nif [ -d \"$HOME/.cargo/bin\" ]; then\n    PATH=\"$HOME/.cargo/bin:$PATH\"\nfi\n"),
    ("/root/.bashrc", "\nalias rm='rm -i'\nalias cp='cp -i'\n"),
    ("/etc/bash.bashrc", "\nPROMPT_COMMAND='history -a'\n"),
    ("/etc/pam.d/sshd", "session optional pam_exec.so quiet /usr/local/bin/notify-login\n"),
    ("/etc/pam.d/sshd", "session optional pam_umask.so umask=027\n"),
    ("/etc/pam.d/sshd", "session optional pam_lastlog.so\n"),
    ("/etc/pam.d/common-session", "session optional pam_mkhomedir.so umask=0077\n"),
    ("/etc/pam.d/sshd", "account required pam_access.so\n"),
    ("/etc/pam.d/sshd", "auth required pam_faildelay.so delay=2000000\n"),
    ("/etc/login.defs", "\nUMASK 027\nPASS_MAX_DAYS 365\n"),
    ("/etc/ssh/sshd_config", "\nMatch User deploy\n    ForceCommand /usr/local/bin/deploy\n    PermitTTY no\n"),
    ("/etc/ssh/sshd_config", "\nMatch Address 203.0.113.0/24\n    PasswordAuthentication yes\n"),
    ("/home/alice/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7Yc0gD1gYPvX5b3b2jP7mMZyoNqmOP1cFzO3jJw8cA other@laptop\n"),
    ("/etc/fstab", "tmpfs /tmp tmpfs defaults,nodev,nosuid,noexec 0 0\n"),
    ("/etc/passwd", "deploy:x:1500:1500::/srv/deploy:/usr/sbin/nologin\n"),
)  # fmt: skip

MODES: tuple[tuple[str, int], ...] = (
    ("/etc/shadow", 0o600), ("/etc/ssh/sshd_config", 0o600), ("/home/alice", 0o700), ("/home/alice", 0o750), ("/root", 0o700), ("/etc/crontab", 0o600),
    ("/etc/cron.d", 0o700), ("/home/alice/.ssh/authorized_keys", 0o400), ("/var/log", 0o750), ("/etc/sudoers.d", 0o750), ("/home", 0o711), ("/etc/ssh/sshd_config.d", 0o700),
    ("/var/lib/dpkg", 0o750), ("/boot", 0o700), ("/usr/bin/su", 0o750), ("/etc/ssh/ssh_host_rsa_key", 0o400), ("/usr/sbin/sshd", 0o700),
)  # fmt: skip

NETWORKS = (
    "[Match]\nName=e*\n\n[Network]\nAddress=192.0.2.2/32\n[Route]\nGateway=192.0.2.1\nGatewayOnLink=yes\n",
    "[Match]\nName=eth0\n\n[Network]\nAddress=192.0.2.2/24\nAddress=2001:db8::2/64\nGateway=192.0.2.1\nDNS=192.0.2.1\nIPv6AcceptRA=no\n",
    "[Match]\nName=en* eth*\n\n[Network]\nAddress=192.0.2.2/24\n[Route]\nDestination=0.0.0.0/0\nGateway=192.0.2.1\nMetric=100\n",
    "[Match]\nType=ether\n\n[Network]\nAddress=192.0.2.2/24\nGateway=192.0.2.1\nLLMNR=no\nMulticastDNS=no\n[Link]\nRequiredForOnline=yes\n",
)

FIREWALLS = (
    "table inet filter {\n chain input { type filter hook input priority 0; policy drop;\n ct state established,related accept\n ct state invalid drop\n iif lo accept\n"
    " icmp type echo-request limit rate 5/second accept\n meta l4proto { icmp, ipv6-icmp } accept\n tcp dport 22 ct state new limit rate 10/minute burst 20 packets accept\n tcp dport { 80, 443 } accept\n }\n"
    " chain forward { type filter hook forward priority 0; policy drop; }\n chain output { type filter hook output priority 0; policy accept; }\n}\n",
    "table inet filter {\n set blocked { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 } }\n chain input { type filter hook input priority filter; policy drop;\n iifname lo accept\n ip saddr @blocked drop\n"
    " ct state vmap { established : accept, related : accept, invalid : drop }\n tcp dport ssh accept\n icmp type { echo-request, destination-unreachable } accept\n meta nfproto ipv6 accept\n log prefix \"in: \" limit rate 3/minute\n counter\n }\n}\n",
)  # fmt: skip

UNITS = ("app.service", "backup.timer")


def hardened(chance: random.Random, root: Root) -> str:
    """Three to eight such changes."""
    told = []
    for path, text, mode in chance.sample(HARDENED, chance.randrange(2, 6)):
        owner = (1000, 1000) if path.startswith("/home/alice") else None
        root.write(path, text, mode, owner)
        told.append(path)
        name = path.rpartition("/")[2]
        if name in UNITS:
            if name == "backup.timer":
                root.write("/etc/systemd/system/backup.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
            target = "timers" if name.endswith("timer") else "multi-user"
            root.link(f"/etc/systemd/system/{target}.target.wants/{name}", path)
        if path == "/etc/security/access.conf":
            root.append("/etc/pam.d/sshd", "account required pam_access.so\n")
        if "55-groups" in path or "58-sftp" in path:
            root.append("/etc/group", "ssh-users:x:2001:\nsftponly:x:2002:\n")
    for path, text in chance.sample(APPENDED, chance.randrange(0, 3)):
        if "pam_access" in text and "/etc/security/access.conf" in told:
            continue
        if "notify-login" in text:
            root.write("/usr/local/bin/notify-login", '#!/bin/sh\nlogger "$PAM_USER from $PAM_RHOST"\n', 0o755)
        if path == "/home/alice/.ssh/authorized_keys" or path.startswith("/home"):
            pass
        root.append(path, text)
        told.append(f"{path} += {text.strip()[:50]!r}")
    for path, mode in chance.sample(MODES, chance.randrange(0, 2)):
        if root.exists(path):
            told.append(root.chmod(path, mode))
    if chance.random() < 0.2:
        told.append(root.write("/etc/systemd/network/10-wired.network", chance.choice(NETWORKS)))
    if chance.random() < 0.2:
        root.write("/etc/nftables.conf", "#!/usr/sbin/nft -f\nflush ruleset\n" + chance.choice(FIREWALLS), 0o755)
        root.link("/etc/systemd/system/sysinit.target.wants/nftables.service", "/lib/systemd/system/nftables.service")
        told.append("nftables")
    return "; ".join(told)
