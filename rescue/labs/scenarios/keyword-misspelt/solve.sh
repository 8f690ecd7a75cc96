sed -i s/PermitRot/PermitRoot/ /etc/ssh/sshd_config
systemctl restart ssh
