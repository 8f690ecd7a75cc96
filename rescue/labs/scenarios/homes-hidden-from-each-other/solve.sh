chmod 711 /home/people
