sed -i 's/^AddressFamily inet6/AddressFamily any/' /etc/ssh/sshd_config
systemctl restart ssh
