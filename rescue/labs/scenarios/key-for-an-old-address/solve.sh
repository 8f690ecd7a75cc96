sed -i s/203.0.113.5/192.0.2.1/ /home/alice/.ssh/authorized_keys
