for tables in iptables ip6tables; do
    $tables -A INPUT -i lo -j ACCEPT
    $tables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $tables -A INPUT -p tcp --dport 22 -j ACCEPT
    $tables -A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
done
ip6tables -A INPUT -p ipv6-icmp -j ACCEPT
iptables -P INPUT DROP
ip6tables -P INPUT DROP
netfilter-persistent save
sed -i 's/^#Port 22$/Port 2222/' /etc/ssh/sshd_config
