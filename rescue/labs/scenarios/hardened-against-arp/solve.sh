rm /etc/sysctl.d/80-arp.conf
sysctl -w net.ipv4.conf.all.arp_ignore=0
