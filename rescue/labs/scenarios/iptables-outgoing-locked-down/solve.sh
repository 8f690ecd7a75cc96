iptables -I OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
ip6tables -I OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
netfilter-persistent save
