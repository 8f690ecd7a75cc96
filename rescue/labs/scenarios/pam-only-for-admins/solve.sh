usermod -aG admins alice
