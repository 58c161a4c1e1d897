# Run directories: claimed, started, looked at, cancelled and removed, as the transport to this machine does.
# Every verb on a run begins with ROOT HEAD NAME. Status 8: the shim's text has to be sent first.

in_root() {
  root=${1:-/var/tmp/grid-$uid}
  here=$root/$2/$machine
  dir=$here/$3
}

# The shim's text, by its hash. Its name differs on each node, for a folder may be shared.
shim_file() { shim=$root/shim-$machine-$1.sh; }

pause() { sleep 0.01 2>/dev/null || sleep 1; }

claim_root() {
  umask 077
  if [ ! -e "$root" ] && [ ! -L "$root" ]; then mkdir "$root" || [ -d "$root" ] || exit 1; fi
  [ ! -L "$root" ] || refuse PolicyDenied "run root $root is a symbolic link" "remove it: rm $root"
  [ -d "$root" ] || refuse PolicyDenied "run root $root is not a folder" \
    'move it away, or configure another run root'
  set -- $(ls -ldn "$root")
  [ "$3" = "$uid" ] || refuse PolicyDenied "run root $root belongs to somebody else (uid $3)" \
    'configure a run root of your own'
  case $1 in
    drwx------ | drwx------[.+]) ;;
    *) refuse PolicyDenied "run root $root is open to others or has a mode other than 0700" \
      "look whether anybody put something there, then: chmod 0700 $root" ;;
  esac
}

# place SIZE BESIDE: the body, whole or not at all.
place() {
  if cat >"$2" && [ "$(wc -c <"$2")" -eq "$1" ]; then return; fi
  rm -f "$2"
  refuse StorageFailed "$2 cannot be written"
}

# do_shim ROOT SHIM TOKEN SIZE
do_shim() {
  in_root "$1" - -
  claim_root
  shim_file "$2"
  place "$4" "$root/.shim.$3"
  mv -f "$root/.shim.$3" "$shim"
}

# claim NONCE TOKEN SIZE: the run directory, with the spec in the body.
claim() {
  claim_root
  mkdir -p "$dir/cancel" "$dir/work" || exit 1
  if [ ! -f "$dir/spec" ]; then
    place "$3" "$dir/.spec.$2"
    ln "$dir/.spec.$2" "$dir/spec" 2>/dev/null || [ -f "$dir/spec" ] ||
      refuse StorageFailed "$dir/spec cannot be made"
    rm -f "$dir/.spec.$2"
  fi
  {
    read -r _
    read -r _ there
  } <"$dir/spec"
  [ "$there" = "$1" ] || refuse ResourceConflict "run directory $dir belongs to somebody else's start"
  [ -f "$dir/journal" ] || : >>"$dir/journal"
}

# do_prepare ROOT HEAD NAME NONCE TOKEN SIZE
do_prepare() {
  in_root "$1" "$2" "$3"
  claim "$4" "$5" "$6"
}

# Sets `pid`, `ticks` and `shim_boot` of the shim that passed the gate of `dir`.
shim_of() {
  read -r kind pid start shim_boot _ <"$dir/journal" && [ "$kind" = shim ] || return 1
  pid=${pid#pid=} start=${start#start=} shim_boot=${shim_boot#boot=}
}

shim_lives() { shim_of && [ "$shim_boot" = "$boot" ] && runs "$pid" "$start"; }

# A shim of `dir` between the gate and its first record.
shim_comes() {
  tail=${dir#"$root"/}
  most=${tail%?}
  set +f
  # The bracket keeps grep from finding itself.
  grep -l -s -e "$most[${tail#"$most"}]" /proc/[0-9]*/cmdline >/dev/null
  found=$?
  set -f
  return $found
}

# Sets `state`: absent, never_started, running or finished. A gate that nobody passed is shut.
look() {
  state=absent
  [ -d "$dir" ] || return 0
  shut=no
  if mkdir "$dir/go" 2>/dev/null; then shut=yes; fi
  [ -d "$dir/go" ] || refuse StorageFailed "the gate of $dir cannot be shut"
  tries=0
  until [ -s "$dir/journal" ]; do
    if [ $shut = yes ] || ! shim_comes; then
      [ -s "$dir/journal" ] || echo shut >>"$dir/journal" || exit 1
      break
    fi
    tries=$((tries + 1))
    [ $tries -lt 500 ] || refuse TimedOut "the shim of $dir passed its gate and says nothing"
    pause
  done
  read -r state _ <"$dir/journal"
  if [ "$state" = shut ]; then
    state=never_started
  elif [ "$(tail -n 1 "$dir/journal")" = finished ]; then
    state=finished
  else
    state=running
  fi
}

# do_start ROOT HEAD NAME NONCE TOKEN SIZE SHIM: answers with the journal so far.
do_start() {
  own_umask=$(umask)
  in_root "$1" "$2" "$3"
  shim_file "$7"
  [ -f "$shim" ] || exit 8
  claim "$4" "$5" "$6"
  if [ ! -d "$dir/go" ]; then
    : >>"$here/bell"
    (
      umask "$own_umask"
      own_language
      session=
      if command -v setsid >/dev/null; then session=setsid; fi
      exec $session /bin/sh "$shim" run "$dir" </dev/null >/dev/null 2>>"$dir/shim.log"
    ) &
    child=$!
    tries=0
    until [ -s "$dir/journal" ]; do
      if ! process_facts $child || [ "$state" = Z ]; then break; fi
      tries=$((tries + 1))
      [ $tries -lt 1500 ] || refuse TimedOut 'the shim says nothing'
      pause
    done
  fi
  if [ ! -s "$dir/journal" ]; then
    look
    case $state in
      never_started) refuse PreflightFailed "the shim did not start: see $dir/shim.log" \
        "$(tail -n 1 "$dir/shim.log" 2>/dev/null)" ;;
    esac
  fi
  # From here on it may run, so that nothing that goes wrong means that it does not.
  read -r kind _ <"$dir/journal" || refuse TimedOut "the journal of $dir cannot be read"
  [ "$kind" != shut ] || refuse Cancelled "the start gate of $dir was shut before it started"
  cat "$dir/journal" || refuse TimedOut "the journal of $dir cannot be read"
}

# do_attach ROOT HEAD NAME: the state, and the journal.
do_attach() {
  in_root "$1" "$2" "$3"
  look
  echo "$state"
  case $state in running | finished) cat "$dir/journal" ;; esac
}

# do_journals BOUNDARY ROOT HEAD (NAME OFFSET PID TICKS BOOT)…: how each shim is, looked at before its journal,
# and what the journals hold beyond the offsets. PID 0: not known yet.
do_journals() {
  boundary=$1
  in_root "$2" "$3" -
  shift 3
  cd "$here" || exit 1
  files='' offsets=' '
  while [ $# -gt 0 ]; do
    how=alive
    if [ ! -f "$1/journal" ]; then
      how=absent
    elif [ "$3" != 0 ] && { [ "$5" != "$boot" ] || ! runs "$3" "$4"; }; then
      how=dead
      [ "$5" = "$boot" ] || how=rebooted
    fi
    part "$how $1"
    [ $how = absent ] || files="$files $1/journal" offsets="$offsets$1:$2 "
    shift 5
  done
  [ -z "$files" ] || wc -c $files | while read -r size file; do
    name=${file%/journal}
    [ "$name" != "$file" ] || continue
    at=${offsets#* "$name":}
    at=${at%% *}
    [ "$size" -gt "$at" ] || continue
    part "grown $name"
    tail -c +$((at + 1)) "$file"
  done
}

# do_listen ROOT HEAD: '-' when it has begun, and then the names of runs whose journals grow, as they do, until
# the channel is closed.
do_listen() {
  in_root "$1" "$2" -
  claim_root
  mkdir -p "$here" || exit 1
  : >"$here/bell"
  # A file system that cannot wake it (an overlay, a shared one) is looked at: more often where that can be said.
  often=
  if tail -s 0.05 -n 1 /dev/null >/dev/null 2>&1; then often='-s 0.05'; fi
  tail $often -n +1 -f "$here/bell" </dev/null 2>/dev/null &
  tail=$!
  echo -
  read -r _
  kill $tail
}

# do_end ROOT HEAD NAME SHIM: what a dead shim left behind ends.
do_end() {
  in_root "$1" "$2" "$3"
  shim_file "$4"
  [ -f "$shim" ] || exit 8
  /bin/sh "$shim" end "$dir" >/dev/null || refuse ResourceConflict "processes of $dir do not end"
}

# do_cancel ROOT HEAD NAME ELEMENT…
do_cancel() {
  in_root "$1" "$2" "$3"
  shift 3
  [ -d "$dir/cancel" ] || refuse NotFound "$dir/cancel: No such file or directory"
  [ $# -gt 0 ] || set -- all
  for element in "$@"; do : >"$dir/cancel/$element"; done
  # A shim without a record yet looks at the markers after it wrote one.
  if shim_lives; then kill -TERM "$pid" 2>/dev/null; fi
  return 0
}

# log_part FILE FINAL OFFSET MOST
log_part() {
  if [ ! -f "$1" ]; then
    part "0 $2"
    return
  fi
  part "$(($(wc -c <"$1"))) $2"
  # Whole blocks are sought, which each kind of dd can.
  skip=$(($3 / 4096)) lead=$(($3 % 4096))
  dd bs=4096 skip=$skip count=$(((lead + $4 + 4095) / 4096)) <"$1" 2>/dev/null |
    tail -c +$((lead + 1)) | head -c "$4"
}

# do_log BOUNDARY ROOT HEAD NAME ELEMENT STREAM OFFSET MOST: the last part holds.
do_log() {
  boundary=$1
  in_root "$2" "$3" "$4"
  own=$dir/$5.$6
  [ -d "$dir" ] || refuse NotFound "$dir: No such file or directory"
  gone=0
  shim_lives || gone=1
  lines=$(grep -e "^started element=$5 " -e "^exited element=$5 " "$dir/journal")
  slot=
  case $lines in
    '') final=0 ;;
    *exited\ *) final=1 ;;
    *\ slot=*)
      final=$gone
      slot=${lines##* slot=}
      slot=${slot%%[!0-9]*}
      ;;
    *) final=$gone ;;
  esac
  if [ -z "$slot" ] || [ -f "$own" ]; then
    [ -z "$slot" ] || final=1
    log_part "$own" $final "$7" "$8"
    return
  fi
  log_part "$dir/slot$slot.$6" $final "$7" "$8"
  # The slot is its own as long as its process was not waited for, or nobody uses the slot again.
  pid=${lines##* pid=}
  start=${lines##* start=}
  if [ $final = 1 ] || { process_facts "${pid%% *}" && [ "$ticks" = "${start%% *}" ]; }; then return; fi
  # Its output has no name of its own yet, or there is none: its record will tell.
  if [ -f "$own" ]; then log_part "$own" 1 "$7" "$8"; else part '0 0'; fi
}

# do_forget ROOT HEAD NAME SHIM
do_forget() {
  in_root "$1" "$2" "$3"
  look
  [ $state != absent ] || return 0
  if [ $state = running ]; then
    if shim_lives; then refuse ResourceConflict "$dir has not finished"; fi
    do_end "$@"
  fi
  # Out of the way first: what a cut leaves of it must not look like a run that never started.
  gone=$here/.gone-$3
  mv "$dir" "$gone" 2>/dev/null || gone=$dir
  # A task may have left folders that even their owner cannot look into.
  rm -rf "$gone" 2>/dev/null || {
    chmod -R u+rwx "$gone" 2>/dev/null
    rm -rf "$gone"
  }
}
