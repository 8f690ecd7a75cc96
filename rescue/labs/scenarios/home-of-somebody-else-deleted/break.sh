rm -rf /home/alice
