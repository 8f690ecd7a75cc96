sed -i 's/^ListenAddress 127/#&/' /etc/ssh/sshd_config
systemctl restart ssh
