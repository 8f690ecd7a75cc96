sed -i 's/^Name=.*/MACAddress=52:54:00:6b:3c:58/' /etc/systemd/network/10-wired.network
