rm -r /home/alice/.ssh
cp -r /root/.ssh /home/alice/.ssh
