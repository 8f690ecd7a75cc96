printf '#!/bin/sh\nip route add blackhole 192.0.2.1\n' > /etc/rc.local
chmod 755 /etc/rc.local
