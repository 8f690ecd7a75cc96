sed -i '$a sshd: 192.0.2.1' /etc/hosts.allow
