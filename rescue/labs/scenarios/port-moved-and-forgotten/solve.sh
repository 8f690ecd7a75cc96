sed -i '/^Port 2222/a Port 22' /etc/ssh/sshd_config
systemctl restart ssh
