rm /etc/ssh/sshd_not_to_be_run
systemctl start ssh
