sed -i '/ipv6-icmp/d' /etc/nftables.conf
nft -f /etc/nftables.conf
