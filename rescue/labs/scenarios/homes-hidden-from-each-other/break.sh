mkdir /home/people
mv /home/alice /home/people/alice
usermod --home /home/people/alice alice
chmod 700 /home/people/alice
# Not /home itself: systemd's home.conf (tmpfiles.d(5)) opens that again with each boot.
chmod 700 /home/people
