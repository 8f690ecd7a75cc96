sed -i 's/^#MaxAuthTries 6/MaxAuthTries six/' /etc/ssh/sshd_config
