for tables in iptables ip6tables; do
    $tables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $tables -A INPUT -i lo -j ACCEPT
    $tables -A INPUT -p tcp --dport 2200 -j ACCEPT
done
ip6tables -A INPUT -p ipv6-icmp -j ACCEPT
iptables -A INPUT -j REJECT --reject-with icmp-host-prohibited
ip6tables -A INPUT -j REJECT --reject-with icmp6-adm-prohibited
for tables in iptables ip6tables; do
    $tables -A INPUT -p tcp --dport 22 -j ACCEPT
done
netfilter-persistent save
