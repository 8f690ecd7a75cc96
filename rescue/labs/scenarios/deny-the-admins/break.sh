echo "DenyGroups sudo" >> /etc/ssh/sshd_config
