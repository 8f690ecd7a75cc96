sed -i 's/DHCP=/DCHP=/' /etc/systemd/network/10-wired.network
