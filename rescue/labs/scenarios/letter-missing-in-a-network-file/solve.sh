rm /etc/systemd/network/05-mine.network
