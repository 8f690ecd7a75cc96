sed -i 's/$/\r/' /etc/ssh/ssh_host_*_key
