# What can be learnt about the node without changing it, and single processes on it.

do_identify() { printf '%s %s %s %s %s\n' "$machine" "$boot" "${host:-none}" "$uid" "$user"; }

# A part of an answer, by the boundary that the client gave.
part() { printf '\036%s %s\n' "$boundary" "$1"; }

read_file() {
  part "$2"
  if [ -d "$1" ]; then return; fi
  # A file that could not be read is not an empty one.
  cat <"$1" || part '!'
}

# do_read BOUNDARY PREFIX FILES FILE… GLOB…
do_read() {
  boundary=$1 prefix=$2 left=$3
  shift 3
  read -r up _ </proc/uptime
  printf '%s\n' "$up"
  for path in "$@"; do
    if [ "$left" -gt 0 ]; then
      left=$((left - 1))
      [ ! -f "$prefix$path" ] || read_file "$prefix$path" "$path"
    else
      set +f
      IFS=
      for file in "$prefix"$path; do
        [ ! -e "$file" ] || read_file "$file" "${file#"$prefix"}"
      done
      set -f
      unset IFS
    fi
  done 2>/dev/null
}

# Sets `state` and `ticks` of process $1, whose name may hold anything; false when there is none.
process_facts() {
  text=
  {
    while IFS= read -r line || [ -n "$line" ]; do text="$text$line "; done <"/proc/$1/stat"
  } 2>/dev/null
  [ -n "$text" ] || return 1
  set -- ${text##*) }
  state=$1
  shift 19
  ticks=$1
}

# True while process $1 that started at $2 runs.
runs() { process_facts "$1" && [ "$ticks" = "$2" ] && [ "$state" != Z ]; }

# do_signal PID TICKS BOOT SIGNAL: to the process group that this process leads.
do_signal() {
  if [ "$3" != "$boot" ] || ! runs "$1" "$2"; then refuse NotFound 'it does not run'; fi
  kill -"$4" -"$1" 2>/dev/null || refuse NotFound 'it does not run'
}
