chmod 600 /usr/sbin/sshd /usr/bin/wall
