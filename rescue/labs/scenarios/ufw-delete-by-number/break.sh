ufw allow 8080/tcp
ufw allow 9090/tcp
ufw allow OpenSSH
ufw allow 443/tcp
ufw --force enable
ufw --force delete 1
ufw --force delete 2
