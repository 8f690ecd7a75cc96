sed -i '/^LoginGraceTime 30/d' /etc/ssh/sshd_config
sed -i 's/^#LoginGraceTime 2m/LoginGraceTime 30/' /etc/ssh/sshd_config
systemctl restart ssh
