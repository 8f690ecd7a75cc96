ipset add unwanted 192.0.2.1 nomatch
netfilter-persistent save
