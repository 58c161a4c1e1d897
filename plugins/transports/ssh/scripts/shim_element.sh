# Part of shim.sh: what its verbs share, descendants, and one element from its start to its record.

# ---- what _main, _work and _watch share

g_take() {
  g_dir=$1 g_tools=$2 g_shell=$3 g_mode=$4 g_prefix=$5 g_array=$6 g_slots=$7 g_grace=$8 g_umask=$9
  shift 9
  g_cwd=${1:-$g_dir/work} g_stdin=$2 g_execution=$3 g_cookie=$4 g_path=$5 g_variables=$6 g_name=$7
  g_run_name=${g_dir##*/} g_bell=${g_dir%/*}/bell
  g_pid= g_told= g_waiting= g_fenced= g_command= g_leased=
  trap g_told=1 HUP INT QUIT PIPE ALRM USR1 USR2
  umask 077
  unset SHLVL PWD OLDPWD _ 2>/dev/null
  case $g_mode:$g_path in
    own:+*) ;;
    *)
      unset PATH # busybox exports one of its own
      PATH=$g_tools
      ;;
  esac
  if [ -n "${BASH_VERSION-}" ]; then
    LC_ALL=C
    set +f
    for g_text in /proc/$$/fd/*; do # only bash can close those above 9
      g_text=${g_text##*/}
      [ "$g_text" -lt 3 ] || [ "$g_text" = 255 ] || eval "exec $g_text>&-"
    done
    set -f
  fi
  while read -r g_key g_elements; do
    [ "$g_key" = elements ] && break
  done <"$g_dir/spec"
  [ ! -e "$g_dir/lease" ] || g_leased=1
}

g_tool() { PATH=$g_tools "$@"; }
g_sleep_ms() { # the fraction is no POSIX
  g_ms=000$(($1 % 1000))
  g_tool sleep "$(($1 / 1000)).${g_ms#"${g_ms%???}"}" 2>/dev/null || g_tool sleep $(($1 / 1000 + 1))
}
g_log() { printf 'grid-shim: %s\n' "$1" >>"$g_dir/shim.log"; }

g_append() { # whole lines for the journal
  until printf '%s' "$1" >>"$g_dir/journal"; do g_tool sleep 1; done
  [ -e "$g_bell" ] && printf '%s\n' "$g_run_name" >>"$g_bell"
  return 0
}

# g_now: milliseconds of CLOCK_BOOTTIME.
g_clock() {
  read -r g_now g_text </proc/uptime
  g_text=${g_now#*.}
  g_now=$((${g_now%.*} * 1000 + (1$g_text - 100) * 10))
}

g_identify() { # PID: g_start, its start time; fails when it has gone
  g_start=0
  IFS= read -r g_text 2>/dev/null <"/proc/$1/stat" || return 1
  g_field ${g_text##*) }
}
g_field() { g_start=${20} g_group=$3 g_session=$4; }

# g_lease: when everything must be gone; fails when there is none that can be read.
g_read_lease() {
  read -r g_text 2>/dev/null <"$g_dir/lease" || return 1
  case $g_text in
    '' | *[!0-9]* | ????????????????*)
      g_log 'the lease is no number'
      return 1
      ;;
  esac
  g_lease=${g_text#"${g_text%%[!0]*}"}
  g_lease=${g_lease:-0}
}

# True when nothing may run any more. Looked at before anything else after every pause, so that one of ours
# that was stopped does no harm when it goes on.
g_is_over() {
  [ -n "$g_fenced" ] && return 0
  if [ -e "$g_dir/.fence" ]; then
    read -r g_lease <"$g_dir/.fence" || g_clock && g_lease=${g_lease:-$g_now}
  else
    [ -e "$g_dir/lease" ] && g_read_lease && g_clock && [ "$g_now" -ge "$g_lease" ] || return 1
    printf '%s\n' "$g_lease" >"$g_dir/.fence"
  fi
  g_fenced=' fenced=1'
}

# ---- descendants

# g_found: the processes of this run's elements that `g_wanted` takes, and of group or session $1 or $2 when
# given. What may not be signalled is not among them.
g_scan() {
  g_found=
  case $g_execution in
    *[!A-Za-z0-9._-]*) g_pattern=GRID_EXECUTION= ;;
    *) g_pattern=GRID_EXECUTION=$g_execution ;;
  esac
  set -- -e "$g_pattern" ${1:+-e "^[0-9]* (.*) [^ZX] [0-9]* $1 "} ${2:+-e "^[0-9]* (.*) [^ZX] [0-9]* [0-9]* $2 "}
  g_files='/proc/[0-9]*/environ'
  [ $# -gt 2 ] && g_files="$g_files /proc/[0-9]*/stat"
  set +f
  for g_file in $(PATH=$g_tools grep -l "$@" $g_files 2>/dev/null); do
    set -f
    g_one=${g_file#/proc/} g_one=${g_one%/*}
    [ "$g_one" = $$ ] && continue
    case "$g_found $g_beyond" in
      *" $g_one "*) continue ;;
    esac
    case $g_file in
      */stat) [ -e "$g_file" ] || continue ;; # that was grep
      *) g_is_marked "$g_one" || continue ;;
    esac
    if kill -0 "$g_one" 2>/dev/null; then
      g_found="$g_found $g_one "
    elif [ -e "/proc/$g_one/stat" ]; then
      g_beyond="$g_beyond $g_one "
    fi
  done
  set -f
}
g_beyond=

# The environment decides: our cookie, and an element that g_wanted takes.
g_is_marked() {
  g_has_cookie= g_its=
  while IFS= read -r g_text; do
    case $g_text in
      "GRID_COOKIE=$g_cookie") g_has_cookie=1 ;;
      GRID_EXECUTION=*) g_its=${g_text#GRID_EXECUTION=} ;;
    esac
  done 2>/dev/null <<EOT
$(PATH=$g_tools tr '\000' '\n' 2>/dev/null <"/proc/$1/environ")
EOT
  [ -n "$g_has_cookie" ] || return 1
  case $g_wanted in
    '*') ;;
    *" $g_its "*) ;;
    *) return 1 ;;
  esac
}

# Ends what is left and counts it in g_left. A stopped element's have its grace.
g_clear() { # GROUP SESSION
  g_counted= g_tries=0
  while g_scan "$1" "$2" && [ -n "$g_found" ]; do
    [ -n "$g_stopping" ] && g_clock
    for g_one in $g_found; do
      case $g_counted in
        *" $g_one "*) ;;
        *) g_counted="$g_counted $g_one " g_left=$((g_left + 1)) ;;
      esac
      [ -n "$g_stopping" ] && [ "$g_now" -lt "$g_kill_at" ] || kill -KILL "$g_one" 2>/dev/null
    done
    g_tries=$((g_tries + 1))
    if [ -z "$g_stopping" ] && [ "$g_tries" -gt 200 ]; then
      g_log "processes do not end:$g_found"
      return
    fi
    g_sleep_ms 30
  done
}

# ---- one element: its end before its time

g_is_cancelled() { [ -e "$g_dir/cancel/all" ] || [ -e "$g_dir/cancel/$g_n" ]; }

g_signal() { # to the whole of the running element
  kill -"$1" "-$g_pid" 2>/dev/null
  [ "$1" = TERM ] && kill -CONT "-$g_pid" 2>/dev/null # a stopped one cannot act on TERM
  g_wanted=" $g_mark "
  g_scan
  for g_one in $g_found; do
    g_identify "$g_one" && [ "$g_group" != "$g_pid" ] || continue
    kill -"$1" "$g_one" 2>/dev/null
    [ "$1" = TERM ] && kill -CONT "$g_one" 2>/dev/null
  done
}

# The way out of the running element: TERM, then KILL. Called again whenever something may have changed.
g_stop() {
  if [ -z "$g_stopping" ]; then
    if g_is_over; then
      g_clock
      g_kill_at=$g_lease g_because=$g_fenced
    elif g_is_cancelled; then
      g_clock
      g_kill_at=$((g_now + g_grace)) g_because=
    else
      return 0
    fi
    g_stopping=1
    if [ "$g_now" -lt "$g_kill_at" ]; then
      g_signal TERM
      g_alarm $((g_kill_at - g_now))
      return 0
    fi
  elif [ "$g_stopping" = 1 ] && g_is_over && [ "$g_lease" -lt "$g_kill_at" ]; then
    g_kill_at=$g_lease g_because=$g_fenced
    g_clock
    g_alarm $((g_kill_at - g_now))
  fi
  g_clock
  if [ "$g_stopping" = 1 ] && [ "$g_now" -ge "$g_kill_at" ]; then
    g_stopping=2
    g_signal KILL
  fi
  return 0
}

g_alarm() { # MS: TERM to ourselves, which is: look again
  g_no_alarm
  [ "$1" -gt 0 ] || set -- 0
  g_ms=000$(($1 % 1000 + 10))
  [ "$1" -ge 0 ] && set -- "$(($1 / 1000)).${g_ms#"${g_ms%???}"}" "$(($1 / 1000 + 1))"
  g_tool ${g_prefix:+setsid} /bin/sh -c 'sleep "$1" || sleep "$2"; kill -TERM "$3"' sh "$1" "$2" $$ </dev/null &
  g_timer=$!
}
g_timer=
g_no_alarm() {
  [ -n "$g_timer" ] || return 0
  kill -KILL "-$g_timer" 2>/dev/null || kill -KILL "$g_timer" 2>/dev/null
  wait "$g_timer" 2>/dev/null
  g_timer=
}

g_on_term() {
  g_told=1
  [ -n "$g_waiting" ] || return 0
  g_waiting=
  g_stop
}

# ---- one element: from its start to its record

# g_rc of the running element. Never lost: a signal that came before the wait is seen by g_told, one that comes
# during it acts in g_on_term. A wait that a signal broke off is done again, and so is one that ended at the same
# time; the shell may have forgotten the process by then, and what the first one said holds.
g_wait() {
  g_before=
  while :; do
    [ -n "$g_told" ] && g_told= && g_stop
    g_child= g_waiting=1
    wait $g_to_its_end "$g_pid"
    g_rc=$?
    g_waiting=
    if [ "$g_rc" = 127 ] && [ -n "$g_before" ]; then
      g_rc=$g_before
      [ "$g_rc" != broken ] || { g_rc=143 && g_recall; }
      return
    fi
    case $g_told$g_child:$g_rc:${BASH_VERSION-} in
      :145:?*) # bash says so before its trap for CHLD has run; or that is how it ended
        kill -0 "$g_pid" || {
          jobs -l >>"$g_note"
          g_recall
          return
        }
        ;;
      :*) break ;;
    esac
    case $g_rc in
      129 | 13[018] | 14[0125]) g_before=${g_before:-broken} ;; # 128 and the signals that have a trap
      *) g_before=$g_rc ;;
    esac
    if [ -z "$g_to_its_end" ] && [ -n "${BASH_VERSION-}" ] && kill -0 "$g_pid"; then
      g_tool sleep 1 # an old bash returns for one that is only stopped
    fi
  done
}

# g_rc by the job list's word, where no wait told it.
g_recall() {
  [ -n "${BASH_VERSION-}" ] || jobs -l >"$g_note"
  while read -r g_text; do
    case $g_text in
      *" $g_pid Done("*) g_rc=${g_text#*Done\(} g_rc=${g_rc%%\)*} ;;
      *" $g_pid Exit "*) g_rc=${g_text#*Exit } g_rc=${g_rc%% *} ;;
      *" $g_pid Done"*) g_rc=0 ;;
      *" $g_pid Killed"*) g_rc=137 ;;
      *" $g_pid Terminated"*) g_rc=143 ;;
      *" $g_pid Hangup"*) g_rc=129 ;;
      *" $g_pid Interrupt"*) g_rc=130 ;;
      *" $g_pid Quit"*) g_rc=131 ;;
      *" $g_pid Abort"*) g_rc=134 ;;
      *" $g_pid Segm"*) g_rc=139 ;;
    esac
  done <"$g_note"
}

# g_how: code, or signal where the job list says so; the exit status of a shell does not tell.
g_tell() {
  if [ "$g_rc" -le 128 ]; then
    case $g_rc in
      1 | 2 | 126 | 127) g_not_started && g_how=error ;;
    esac
    return 0
  fi
  [ -n "${BASH_VERSION-}" ] || jobs -l >"$g_note"
  while read -r g_text; do
    case $g_text in
      *Running* | *Stopped*) continue ;;
      *" $g_pid "*) ;;
      *) continue ;;
    esac
    case $g_text in
      *Done*"($g_rc)"* | *Exit*"$g_rc"*) g_how=code ;;
      *) g_how=signal ;;
    esac
    case $g_text in
      *'ore dumped'*) g_core=1 ;;
    esac
  done <"$g_note"
  [ "$g_how" = signal ] && g_rc=$((g_rc - 128))
  return 0
}

# The starter's own words in an otherwise empty stderr: the program was not started.
g_not_started() {
  [ -e "$g_err" ] && [ -e "$g_out" ] || {
    g_rc=5
    return 0
  }
  case $g_rc in
    126 | 127) ;;
    *) return 1 ;;
  esac
  { IFS= read -r g_text && ! read -r g_key; } <"$g_err" || return 1
  case $g_text in
    *setsid:*"$g_program"* | *env:*"$g_program"* | *nice:*"$g_program"* | "${0%/*}/"*": line "*"$g_program"* | \
      *setsid:*"$g_command"* | *env:*"$g_command"* | "${0%/*}/"*": line "*"$g_command"*) ;;
    *) return 1 ;;
  esac
  case $g_text in
    *'ermission denied'*) g_rc=13 ;;
    *'ormat error'*) g_rc=8 ;;
    *'too long'*) g_rc=7 ;;
    *) [ "$g_rc" = 127 ] && g_rc=2 || g_rc=13 ;;
  esac
  : >"$g_err"
}

# g_record of what ended; its output gets its name.
g_finish_element() {
  g_how=code g_core=0 g_left=0
  case $g_rc in
    0) ;;
    *) g_tell ;;
  esac
  if [ -n "$g_stopping" ]; then
    g_wanted=" $g_mark "
    g_clear "$g_pid" ''
    g_no_alarm
  elif kill -0 "-$g_pid"; then
    g_wanted=' '
    g_clear "$g_pid" ''
  fi
  g_stopping= g_bytes=0 g_error_bytes=0
  if [ -s "$g_out" ]; then
    g_bytes=$(PATH=$g_tools wc -c <"$g_out")
    [ -n "$g_direct" ] || g_tool mv "$g_out" "$g_dir/$g_n.out"
    g_talks=1
  fi
  if [ -s "$g_err" ]; then
    g_error_bytes=$(PATH=$g_tools wc -c <"$g_err")
    [ -n "$g_direct" ] || g_tool mv "$g_err" "$g_dir/$g_n.err"
    g_talks=1
  fi
  g_direct=$g_talks g_talks=
  g_record="$g_how=$g_rc core=$g_core$g_because stdout=$((g_bytes)) stderr=$((g_error_bytes))"
  g_because=
}
g_talks=

# errno of what stands in the way of a start, or 0 with g_program.
g_prepare() {
  if ! cd "$g_cwd" 2>/dev/null; then
    g_error=13
    [ -d "$g_cwd" ] || g_error=20
    [ -e "$g_cwd" ] || g_error=2
    return
  fi
  [ "$g_mode" = own ] && unset PWD OLDPWD
  if [ -n "$g_stdin" ] && [ ! -r "$g_stdin" ]; then
    g_error=13
    [ -e "$g_stdin" ] || g_error=2
    return
  fi
  [ -z "$g_program" ] || return
  g_error=2
  case $g_name in
    '') return ;;
    */*)
      if [ -e "$g_name" ]; then
        g_error=13
        [ -f "$g_name" ] && [ -x "$g_name" ] && g_program=$g_name g_error=0
      fi
      ;;
    *)
      g_rest=${g_path#+}
      [ -n "$g_path" ] || g_rest=/usr/local/bin:/usr/bin:/bin
      g_rest=$g_rest:
      while [ -n "$g_rest" ]; do
        g_text=${g_rest%%:*} g_rest=${g_rest#*:}
        case $g_text in
          /*) ;;
          *) g_text=$g_cwd/$g_text ;;
        esac
        [ -f "$g_text/$g_name" ] || continue
        if [ -x "$g_text/$g_name" ]; then
          g_program=$g_text/$g_name g_error=0
          return
        fi
        g_error=13
      done
      ;;
  esac
}
