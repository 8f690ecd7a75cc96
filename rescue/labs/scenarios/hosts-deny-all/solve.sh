sed -i 's/203.0.113./203.0.113. 192.0.2.1/' /etc/hosts.allow
