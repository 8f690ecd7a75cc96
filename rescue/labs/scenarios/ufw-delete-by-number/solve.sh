ufw allow OpenSSH
