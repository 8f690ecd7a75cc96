sed -i s/^ListenAddress/#ListenAddress/ /etc/ssh/sshd_config
systemctl restart ssh
