rm /etc/ssh/sshd_config.d/90-company.conf
systemctl restart ssh
