chmod 711 /home
