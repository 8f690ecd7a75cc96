ufw allow from 2001:db8::/32 to any port 22 proto tcp
ufw allow 443/tcp
ufw --force enable
