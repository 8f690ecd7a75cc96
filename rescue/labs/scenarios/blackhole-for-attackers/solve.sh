rm /etc/rc.local
ip route del blackhole 192.0.2.1
