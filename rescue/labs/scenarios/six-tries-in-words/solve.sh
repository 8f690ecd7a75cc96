sed -i 's/tries six/tries 6/i' /etc/ssh/sshd_config
systemctl restart ssh
