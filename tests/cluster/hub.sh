# First process of a cluster's hub: holds the disks of the hosts and the bridge between them; everything in the cluster
# ends with it. Usage: sh hub.sh FOLDER. Lives until its standard input ends, which is when whoever made it has gone.
set -eu
mount -t tmpfs -o mode=755 cluster "$1"
read -r pid rest </proc/self/stat   # /proc is the machine's: this is the id outside
echo "$pid"
exec >/dev/null 2>&1
trap '' CHLD                        # orphans are reaped by nobody else
while read -r line; do :; done
