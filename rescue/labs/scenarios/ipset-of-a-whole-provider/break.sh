ipset create unwanted hash:net
for part in $(seq 0 250); do
    echo "add unwanted 45.$part.0.0/18"
done | ipset restore
ipset add unwanted 203.0.113.0/24
ipset add unwanted 192.0.0.0/16
iptables -A INPUT -p tcp -m multiport --dports 22,443 -m set --match-set unwanted src -j DROP
netfilter-persistent save
