sed -i 's/^#ListenAddress 0.0.0.0/ListenAddress 198.51.100.23/' /etc/ssh/sshd_config
