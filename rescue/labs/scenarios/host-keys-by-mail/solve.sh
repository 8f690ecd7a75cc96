sed -i 's/.$//' /etc/ssh/ssh_host_*_key
systemctl restart ssh
