sed -i '/invalid drop/a meta l4proto ipv6-icmp accept' /etc/nftables.conf
nft -f /etc/nftables.conf
