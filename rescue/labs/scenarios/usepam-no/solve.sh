sed -i s/^UsePAM.no/UsePAM\ yes/ /etc/ssh/sshd_config
systemctl restart ssh
