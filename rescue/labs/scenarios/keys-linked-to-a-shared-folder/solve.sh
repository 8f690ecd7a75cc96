rm /home/alice/.ssh/authorized_keys
mv /srv/team/alice.keys /home/alice/.ssh/authorized_keys
