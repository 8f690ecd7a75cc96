iptables -D f2b-sshd -s 192.0.2.1 -j REJECT
netfilter-persistent save
