ufw allow OpenSSH
ufw --force enable
ufw insert 1 deny from 198.51.100.0/24
ufw insert 1 deny from 192.0.2.0/24
ufw insert 1 deny from 203.0.113.64/26
