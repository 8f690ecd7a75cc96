sed -i /^DenyGroups/d /etc/ssh/sshd_config
systemctl restart ssh
