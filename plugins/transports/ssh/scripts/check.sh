# What `grid doctor` looks at on the node.

# do_check BOUNDARY ROOT
do_check() {
  boundary=$1
  in_root "$2" - -
  date +%s
  part root
  printf '%s' "$root"
  existing=$root
  if [ -e "$root" ] || [ -L "$root" ]; then
    part facts
    ls -ldn "$root"
  fi
  [ -d "$existing" ] || existing=${root%/*}
  part parent
  if [ -w "${root%/*}/" ]; then printf yes; fi
  part filesystem
  # By the longest mount point above it.
  best=
  while read -r _ point type _; do
    case $existing/ in "${point%/}"/*) if [ ${#point} -ge ${#best} ]; then best=$point fs=$type; fi ;; esac
  done </proc/mounts
  printf '%s' "${fs-}"
  part free
  df -Pk "$existing/" 2>/dev/null | tail -n 1
  part tools
  for tool in cat chmod dd df env find grep head id ls ln mkdir mv rm setsid sha256sum sleep stat tail tar touch \
    wc xargs; do
    command -v $tool >/dev/null || printf '%s ' $tool
  done
  part kernel
  read -r line </proc/sys/kernel/osrelease && printf '%s' "$line"
  part shell
  readlink -f /bin/sh 2>/dev/null
  set +f
  for card in /sys/class/drm/card*/device/vendor; do
    case $card in */card*-*) continue ;; esac
    if [ -r "$card" ] && read -r line <"$card"; then part "gpu $line"; fi
  done
  set -f
  if [ -r /proc/driver/nvidia/version ]; then
    part nvidia
    read -r line </proc/driver/nvidia/version && printf '%s' "$line"
  fi
}
