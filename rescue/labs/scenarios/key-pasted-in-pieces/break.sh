fold -w 64 /root/.ssh/authorized_keys > /home/alice/.ssh/authorized_keys
