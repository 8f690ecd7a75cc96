sed -i 's/^COMMIT$/-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT/' /etc/iptables.up.rules
