sed -i 's/80, 443/22, 80, 443/' /etc/nftables.conf
nft -f /etc/nftables.conf
