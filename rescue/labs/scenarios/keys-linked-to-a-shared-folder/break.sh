groupadd team
usermod -aG team alice
usermod -aG team www-data
mkdir -p /srv/team
chgrp team /srv/team
chmod 2775 /srv/team
mv /home/alice/.ssh/authorized_keys /srv/team/alice.keys
ln -s /srv/team/alice.keys /home/alice/.ssh/authorized_keys
