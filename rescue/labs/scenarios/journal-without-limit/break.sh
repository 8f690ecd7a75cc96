mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=persistent\nSystemMaxUse=100G\nSystemKeepFree=0\n' > /etc/systemd/journald.conf.d/keep-all.conf
rm /etc/ssh/ssh_host_*
sync
journal=/var/log/journal/$(cat /etc/machine-id)
mkdir -p "$journal"
number=1
while dd if=/dev/zero bs=1M count=24 2>/dev/null \
    of="$journal/system@5f1c0ffee5f1c0ffee5f1c0ffee5f1c0-$(printf %016x $number)-$(printf %016x $number).journal"
do
    number=$((number + 1))
done
sync
dd if=/dev/zero bs=4k of="$journal/system.journal" 2>/dev/null || true
ssh-keygen -A || true
