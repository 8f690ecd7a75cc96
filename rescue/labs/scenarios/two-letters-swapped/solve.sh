sed -i 's/DCHP=/DHCP=/' /etc/systemd/network/10-wired.network
