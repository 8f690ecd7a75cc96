sed -i /srv.data/d /etc/fstab
