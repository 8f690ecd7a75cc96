printf '[Match]\nName=e*\n\n[Network]\nDCHP=yes\n' > /etc/systemd/network/05-mine.network
