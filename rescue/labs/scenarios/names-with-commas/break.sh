echo "AllowUsers root,alice" > /etc/ssh/sshd_config.d/50-users.conf
