truncate -s 0 /var/log/app.log
cp /home/alice/.ssh/authorized_keys /root/.ssh/authorized_keys
