sed -i '1s/^[^#]*//' /etc/ssh/sshd_config
systemctl restart ssh
