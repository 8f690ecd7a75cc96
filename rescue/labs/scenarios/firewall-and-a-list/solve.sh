ufw allow 22/tcp
sed -i 's/deploy/deploy alice/' /etc/ssh/sshd_config.d/70-users.conf
systemctl restart ssh
