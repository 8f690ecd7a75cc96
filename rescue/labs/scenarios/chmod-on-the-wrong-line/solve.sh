chmod 755 /usr/sbin/sshd /usr/bin/wall
systemctl restart ssh
