printf '[Match]\nName=e*\n\n[Network]\nAdress=192.0.2.2/24\nGateway=192.0.2.1\n' > /etc/systemd/network/05-mine.network
