useradd -u 1000 -M -d /home/alice -s /bin/bash -G sudo alice
