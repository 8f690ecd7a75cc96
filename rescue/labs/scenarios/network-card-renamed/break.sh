sed -i 's/^Name=.*/Name=ens3/' /etc/systemd/network/10-wired.network
