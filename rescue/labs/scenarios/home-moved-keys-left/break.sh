mkdir -p /srv/alice
chown alice:alice /srv/alice
usermod --home /srv/alice alice
