sed -i 's/^MaxSessions 0/MaxSessions 10/' /etc/ssh/sshd_config.d/jump.conf
systemctl restart ssh
