find /var/crash -name "*.crash" -delete
mv /home/alice/.ssh/authorized_keys.bak /home/alice/.ssh/authorized_keys
