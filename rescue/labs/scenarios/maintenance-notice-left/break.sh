echo "We are moving the data tonight. Please come back tomorrow." > /etc/nologin
