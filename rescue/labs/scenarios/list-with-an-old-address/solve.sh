sed -i 's/$/ root@192.0.2.1/' /etc/ssh/sshd_config.d/50-users.conf
systemctl restart ssh
