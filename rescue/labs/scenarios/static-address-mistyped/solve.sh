rm /etc/systemd/network/05-static.network
