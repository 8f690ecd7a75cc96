sed -i s/Name=ens3/Name=e*/ /etc/systemd/network/10-wired.network
