usermod -aG ssh-users alice
