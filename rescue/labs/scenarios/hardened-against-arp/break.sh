printf 'net.ipv4.conf.all.arp_announce = 2\nnet.ipv4.conf.all.arp_ignore = 8\n' > /etc/sysctl.d/80-arp.conf
