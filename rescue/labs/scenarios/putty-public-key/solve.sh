cd /home/alice/.ssh
ssh-keygen -i -f authorized_keys > converted
cp converted authorized_keys
rm converted
