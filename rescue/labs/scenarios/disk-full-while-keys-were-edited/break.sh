cd /root/.ssh
echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICCjQGoQ0k+dAjABw6FiRdAiDJfwAoGMtmI8k6MEosxW laptop@office" >> authorized_keys
yes "app[812]: the same complaint as a second ago, word for word" > /var/log/app.log || true
grep -v laptop@office authorized_keys > authorized_keys.new || true
mv authorized_keys.new authorized_keys
