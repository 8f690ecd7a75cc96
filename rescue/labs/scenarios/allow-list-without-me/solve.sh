sed -i 's/^AllowUsers deploy/AllowUsers deploy alice/' /etc/ssh/sshd_config
systemctl restart ssh
