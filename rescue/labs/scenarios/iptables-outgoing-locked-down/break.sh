for tables in iptables ip6tables; do
    $tables -A INPUT -i lo -j ACCEPT
    $tables -A INPUT -p tcp -m multiport --dports 22,443 -j ACCEPT
    $tables -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
    $tables -P INPUT DROP
    $tables -A OUTPUT -o lo -j ACCEPT
    $tables -A OUTPUT -p udp --dport 53 -j ACCEPT
    $tables -A OUTPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
    $tables -P OUTPUT DROP
done
netfilter-persistent save
