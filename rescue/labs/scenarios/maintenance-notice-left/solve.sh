rm /etc/nologin
