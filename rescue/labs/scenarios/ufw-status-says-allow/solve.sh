ufw delete deny 22/tcp
