echo "AllowUsers root@203.0.113.7 alice@203.0.113.7" > /etc/ssh/sshd_config.d/50-users.conf
