ufw deny 22/tcp
ufw allow 80,443/tcp
ufw --force enable
ufw allow OpenSSH
