mkdir -p /srv/data
echo "UUID=6f1c2b1e-0c3e-4c55-9d7b-5a0f6f0b9d21 /srv/data ext4 defaults 0 2" >> /etc/fstab
systemctl daemon-reload
