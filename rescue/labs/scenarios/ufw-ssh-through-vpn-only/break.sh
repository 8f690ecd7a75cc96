ufw allow 51820/udp
ufw allow in on wg0 to any port 22 proto tcp
ufw --force enable
