sed -i s/,/\ / /etc/ssh/sshd_config.d/50-users.conf
systemctl restart ssh
