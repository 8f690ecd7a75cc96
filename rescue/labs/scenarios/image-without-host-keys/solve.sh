ssh-keygen -A
systemctl restart ssh
