mkdir -m 700 /etc/ssh/keys
cp /root/.ssh/authorized_keys /etc/ssh/keys/root
cp /home/alice/.ssh/authorized_keys /etc/ssh/keys/alice
chmod 600 /etc/ssh/keys/root /etc/ssh/keys/alice
echo "AuthorizedKeysFile /etc/ssh/keys/%u" > /etc/ssh/sshd_config.d/60-keys.conf
