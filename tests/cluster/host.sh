# First process of one host: turns the layers in DISK into the host's root and then only waits for its end.
# Usage: sh host.sh DISK NAME [FROM TO ro|rw]…: further folders to show in it. Prints its process id as seen outside.
set -eu
disk=$1 name=$2
shift 2
root=$disk/root
echo "$name" >/proc/sys/kernel/hostname
mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" overlay "$root"
while [ $# -gt 0 ]; do
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
  shift 3
done
mount -t proc proc "$root/proc"
mount --bind "$disk/boot_id" "$root/proc/sys/kernel/random/boot_id"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
read -r pid rest </proc/self/stat   # still the machine's /proc
cd "$root"
pivot_root . .
umount -l .
cd /
echo "$pid"
trap '' CHLD                        # stays so over exec: orphans are reaped
exec sleep infinity >/dev/null 2>&1 </dev/null
