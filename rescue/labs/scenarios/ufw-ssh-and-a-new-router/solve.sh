ufw allow from 192.0.2.1 to any port 22 proto tcp
