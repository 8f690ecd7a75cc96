chmod g-w /home/alice
