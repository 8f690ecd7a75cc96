ufw allow 2222/tcp
