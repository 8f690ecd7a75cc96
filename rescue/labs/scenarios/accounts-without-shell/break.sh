for user in www-data backup games alice; do
    usermod --shell /usr/sbin/nologin "$user"
done
