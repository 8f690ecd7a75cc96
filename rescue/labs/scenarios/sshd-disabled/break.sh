systemctl disable ssh
