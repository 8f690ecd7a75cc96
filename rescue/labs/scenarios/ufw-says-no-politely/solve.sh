ufw allow 22/tcp
