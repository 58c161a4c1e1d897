# The server at the far end of a channel: reads requests from standard input and answers them, one after the
# other, until its end. Before this script ran, `a` and `b` were read: two random halves that the client sent.
#
# A request is one line, `VERB BODY-BYTES =ARGUMENT…`, and the body. Arguments are escaped as printf's %b reads
# them. Each stream gets the mark, ESC-like byte 036 and `b` before `a`, at its begin and after each answer;
# whatever a profile printed before, or an output holds, can not be one.
#
# `exp` is the machine that must be here, `is=` and a made-up id, or `any`.

mark=$b$a
# Texts of the system's tools are parsed; what a task inherits stays as it was.
lang_set=${LC_ALL+yes} lang_was=${LC_ALL-}
LC_ALL=C
export LC_ALL
own_language() {
  if [ "$lang_set" = yes ]; then LC_ALL=$lang_was; else unset LC_ALL; fi
}

# refuse CODE MESSAGE [HINT]: the verb's error, as grid names it.
refuse() {
  printf 'grid %s\t%s\t%s\n' "$1" "$2" "${3-}" >&2
  exit 9
}

first_line() {
  line=
  [ -r "$1" ] && read -r line <"$1"
  [ -n "$line" ]
}

who_is_here() {
  first_line /proc/sys/kernel/hostname
  host=$line
  first_line /proc/sys/kernel/random/boot_id
  boot=${line:-none}
  case $exp in
    is=*) machine=${exp#is=} ;;
    *)
      first_line /etc/machine-id || first_line /var/lib/dbus/machine-id
      machine=$line
      case $machine in '' | uninitialized | *[!0-9A-Za-z_.-]*) machine=host-$host ;; esac
      ;;
  esac
  uid=
  while read -r key _ value _; do
    if [ "$key" = Uid: ]; then
      uid=$value
      break
    fi
  done </proc/self/status
  user=${LOGNAME:-${USER-}}
  [ -n "$user" ] || user=$(id -un)
}

# Exactly $1 bytes of standard input, and not one more: what follows is the next request.
take() {
  if [ "$whole" = no ]; then
    dd bs=1 count="$1" 2>/dev/null
    return
  fi
  blocks=$(($1 / 131072)) rest=$(($1 % 131072))
  if [ "$blocks" -gt 0 ]; then dd bs=131072 count="$blocks" iflag=fullblock 2>/dev/null || return; fi
  if [ "$rest" -gt 0 ]; then dd bs="$rest" count=1 iflag=fullblock 2>/dev/null || return; fi
}

do_beat() { :; }

answer_requests() {
  whole=
  set -f
  while IFS=' ' read -r verb bytes words; do
    case $verb$bytes in '' | *[!0-9a-z_]*) exit 1 ;; esac
    IFS=' '
    set -- $words
    left=$#
    while [ "$left" -gt 0 ]; do
      word=${1#=} left=$((left - 1))
      shift
      case $word in
        *\\*)
          word=$(printf '%b.' "$word")
          word=${word%.}
          ;;
      esac
      set -- "$@" "$word"
    done
    unset IFS
    if [ "$bytes" -gt 0 ]; then
      if [ -z "$whole" ]; then
        whole=no
        if dd bs=1 count=0 iflag=fullblock </dev/null >/dev/null 2>&1; then whole=yes; fi
      fi
      take "$bytes" | {
        ("do_$verb" "$@")
        status=$?
        cat >/dev/null
        exit $status
      }
      status=$?
    elif [ "$verb" = listen ]; then
      (do_listen "$@")
      status=$?
    else
      ("do_$verb" "$@") </dev/null
      status=$?
    fi
    printf '\036%s end %s\n' "$mark" "$status"
    printf '\036%s end\n' "$mark" >&2
  done
}

who_is_here
printf '\036%s begin\n' "$mark" >&2
printf '\036%s begin %s %s %s %s %s\n' "$mark" "$machine" "$boot" "${host:-none}" "$uid" "$user"
case $exp in any | is=* | "$machine") ;; *) exit 1 ;; esac
answer_requests
exit 0
