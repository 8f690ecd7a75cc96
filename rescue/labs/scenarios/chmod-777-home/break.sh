mkdir -p /home/alice/reports
chmod -R 777 /home/alice
