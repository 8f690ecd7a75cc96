groupadd uploads
usermod -aG uploads alice
usermod -aG uploads www-data
chgrp uploads /home/alice
chmod 775 /home/alice
