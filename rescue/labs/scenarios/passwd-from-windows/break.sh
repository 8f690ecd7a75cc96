sed -i 's/$/\r/' /etc/passwd
