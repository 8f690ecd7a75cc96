mkdir -p /etc/systemd/system/ssh.service.d
cat > /etc/systemd/system/ssh.service.d/override.conf <<'UNIT'
[Service]
ExecStart=/usr/sbin/sshd -D -o LogLevel=VERBOSE $SSHD_OPTS
UNIT
