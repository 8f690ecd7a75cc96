chown -R 1005:1005 /home/alice
