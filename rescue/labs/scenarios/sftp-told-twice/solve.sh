sed -i s/^Subsystem/#Subsystem/ /etc/ssh/sshd_config
systemctl restart ssh
