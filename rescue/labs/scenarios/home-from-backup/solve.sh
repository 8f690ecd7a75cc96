chown -R alice:alice /home/alice
