for tables in iptables ip6tables; do
    $tables -A INPUT -i lo -j ACCEPT
    $tables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $tables -A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT
    $tables -P INPUT DROP
done
netfilter-persistent save
