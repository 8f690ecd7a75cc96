sed -i s/^MACAddress=.*/Name=e*/ /etc/systemd/network/10-wired.network
