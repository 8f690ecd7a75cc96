mkdir /home/people
mv /home/alice /home/people/alice
usermod --home /home/people/alice alice
chmod 700 /home/people/alice
chmod 700 /home/people
