iptables -I INPUT -p tcp --dport 22 -j ACCEPT
ip6tables -I INPUT -p tcp --dport 22 -j ACCEPT
netfilter-persistent save
