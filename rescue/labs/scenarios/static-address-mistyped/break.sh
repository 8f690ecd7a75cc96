printf '[Match]\nName=e*\n\n[Network]\nAddress=192.0.20.2/24\nGateway=192.0.2.1\n' > /etc/systemd/network/05-static.network
