systemctl disable ssh.socket
systemctl enable ssh.service
systemctl stop ssh.socket
systemctl restart ssh.service
