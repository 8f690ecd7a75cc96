sed -i 's/^#PermitRootLogin prohibit-password/PermitRotLogin prohibit-password/' /etc/ssh/sshd_config
