iptables -I INPUT -p tcp --dport 22 -j ACCEPT
netfilter-persistent save
