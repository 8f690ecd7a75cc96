sed -i 's/^#AddressFamily any/AddressFamily inet6/' /etc/ssh/sshd_config
