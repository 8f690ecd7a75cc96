usermod -s /bin/bash alice
