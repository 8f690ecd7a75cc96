ufw default reject incoming
ufw allow 80/tcp
ufw allow 443/tcp
ufw --force enable
