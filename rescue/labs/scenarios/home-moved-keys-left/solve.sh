cp -rp /home/alice/.ssh /srv/alice/
