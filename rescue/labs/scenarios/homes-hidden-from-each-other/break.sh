chmod 700 /home/alice
chmod 700 /home
