cp /root/.ssh/authorized_keys /home/alice/.ssh/authorized_keys
