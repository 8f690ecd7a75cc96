cat > /etc/fail2ban/jail.d/strict.local <<'JAIL'
[sshd]
maxretry = 3
findtime = 1d
bantime = -1
JAIL
fail2ban-client reload
fail2ban-client set sshd banip 203.0.113.9
fail2ban-client set sshd banip 192.0.2.1
