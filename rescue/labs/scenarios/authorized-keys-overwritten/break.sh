echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICCjQGoQ0k+dAjABw6FiRdAiDJfwAoGMtmI8k6MEosxW laptop@office" > /home/alice/.ssh/authorized_keys
