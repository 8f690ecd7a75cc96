ssh-keygen -e -f /root/.ssh/authorized_keys > /home/alice/.ssh/authorized_keys
