ufw allow from 203.0.113.7 to any port 22 proto tcp comment home
ufw allow 443/tcp
ufw --force enable
