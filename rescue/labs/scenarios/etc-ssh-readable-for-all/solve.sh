chmod 600 /etc/ssh/ssh_host_*_key
systemctl restart ssh
