#!/bin/sh
# The shim for nodes on which nothing of grid is installed: what `grid-shim run DIR` is, in POSIX shell.
#
#   sh shim.sh run DIR   runs what DIR/spec says; leaves when all of it has ended. Exit code: 0 finished, 2 bad
#                        input and nothing started, 3 somebody else passed or shut the gate, 1 lost.
#   sh shim.sh end DIR   the shim of DIR died: ends whatever carries its cookie. Exit code: 0 nothing is left.
#
# Works in dash, busybox ash and bash; run_directory.hpp says what is in DIR. Beside that, while it runs, DIR
# holds .fence (the lease is over), .note<k> and .done<k> (of slot k).
#
# `run` reads the spec and replaces itself by `_main`, which has the task's environment and a session of its
# own. One slot is served by _main itself, several by a `_work` each; they share out the elements by who makes
# <element>.out first. A lease is looked at by `_watch`. No text of a user is ever read as code.
#
# bash gives each background job a process group without a terminal, so no other program has to; it is taken
# where there is one. Elsewhere setsid makes the group, and GNU env undoes what POSIX demands of background
# jobs: that they ignore INT and QUIT.
#
# The environment of a task may be this shell's own, so every name of ours starts with g_.
set -f
g_script=$0
g_nl='
'
g_tab='	'

g_complain() { printf 'grid-shim: %s\n' "$1" >&2; }
g_refuse() {
  g_complain "$1"
  exit 2
}

# ---- values

# g_value = what the escaped $1 stands for; fails when it is not well-formed.
g_decode() {
  g_value=$1
  case $1 in
    *[!\!-~]*) return 1 ;;
    *\\*) ;;
    *) return 0 ;;
  esac
  case $1 in
    *\\[!0]* | *\\?[!0-3]* | *\\??[!0-7]* | *\\???[!0-7]* | *\\0000* | *\\ | *\\? | *\\?? | *\\???) return 1 ;;
  esac
  if [ ${#1} -lt 2000 ]; then # the usual ones without a fork
    g_value= g_rest=$1
    while :; do
      case $g_rest in
        *\\*) g_value=$g_value${g_rest%%\\*} g_rest=${g_rest#*\\} ;;
        *)
          g_value=$g_value$g_rest
          return 0
          ;;
      esac
      case $g_rest in
        0040*) g_value="$g_value " ;;
        0012*) g_value=$g_value$g_nl ;;
        0011*) g_value=$g_value$g_tab ;;
        0134*) g_value=$g_value\\ ;;
        *) break ;;
      esac
      g_rest=${g_rest#????}
    done
  fi
  g_value=$(printf '%bx' "$1")
  g_value=${g_value%x}
}

# A decimal number of at most 32 bits.
g_is_number() {
  case $1 in
    '' | *[!0-9]* | 0?* | ???????????*) return 1 ;;
  esac
  [ "$1" -le 4294967295 ]
}

# "0-4999:1 7:2", each number once.
g_check_elements() {
  [ -n "$1" ] || return 1
  case $1 in
    ' '* | *' ' | *'  '* | *[!0-9:\ -]*) return 1 ;;
  esac
  g_highest=-1 g_ascending=1 g_count=0
  for g_range in $1; do
    case $g_range in
      *:*:* | *-*-*) return 1 ;;
      *:*) ;;
      *) return 1 ;;
    esac
    g_first=${g_range%%:*}
    g_last=${g_first#*-} g_first=${g_first%%-*}
    g_is_number "$g_first" && g_is_number "$g_last" && g_is_number "${g_range#*:}" || return 1
    [ "$g_last" -ge "$g_first" ] && [ "${g_range#*:}" -gt 0 ] || return 1
    [ "$g_first" -gt "$g_highest" ] || g_ascending=
    g_highest=$g_last
    g_count=$((g_count + g_last - g_first + 1))
    [ "$g_count" -le 10000000 ] || return 1
  done
  [ -n "$g_ascending" ] && return 0
  g_highest=-1
  for g_range in $(for g_range in $1; do printf '%s\n' "${g_range%%:*}"; done | sort -n); do
    [ "${g_range%%-*}" -gt "$g_highest" ] || return 1
    g_highest=${g_range#*-}
  done
}

# ---- run: the spec

# Names that mean something to one of the shells, which would change them or be changed by them.
g_is_inert() {
  case $1 in
    '' | [0-9]* | *[!A-Za-z0-9_]* | g_* | _ | IFS | OPT* | LINENO | PPID | PWD | OLDPWD | ENV | BASH* | SHELLOPTS | \
      SHLVL | PS[0-9] | MAIL* | HIST* | RANDOM | SRANDOM | SECONDS | EPOCH* | UID | EUID | GROUPS | DIRSTACK | \
      FUNC* | HOSTNAME | HOSTTYPE | MACHTYPE | OSTYPE | POSIXLY_CORRECT | TIMEFORMAT | TMOUT | COMP* | CDPATH | \
      GLOB* | EXECIGNORE | LC_ALL | COLUMNS | LINES | PIPESTATUS | COPROC | MAPFILE | REPLY | PROMPT_* | \
      CHILD_MAX | INPUTRC | READLINE* | FCEDIT | FIGNORE | IGNOREEOF | LOGNAME_ | TERMCAP)
      return 1
      ;;
  esac
}

g_variable() { # NAME VALUE: unless the environment has it already
  case " $g_names " in
    *" $1 "*) return 0 ;;
  esac
  case $1 in
    '' | *[!A-Za-z0-9_]*) ;; # not worth a look for a second one
    *) g_names="$g_names $1" ;;
  esac
  g_is_inert "$1" || g_mode=env
  [ "$1" = PATH ] && g_path=+$2
  g_variables=$((g_variables + 1))
  eval "g_e$g_variables=\$1=\$2"
  g_list="$g_list \"\$g_e$g_variables\""
}

g_inherit() { # NAME: as it was when we were started
  case $1 in
    LC_ALL) [ -n "$g_had_lc_all" ] && g_variable LC_ALL "$g_lc_all" ;;
    '' | [0-9]* | *[!A-Za-z0-9_]* | g_* | IFS | OPT* | PS[0-9] | PPID | LINENO) ;;
    *) eval "[ -n \"\${$1+x}\" ]" && eval "g_variable $1 \"\$$1\"" ;;
  esac
  return 0
}

# One line; fails when it does not hold.
g_line() { # KEY VALUE
  case $1 in
    arg)
      g_decode "$2" || return 1
      g_arguments=$((g_arguments + 1))
      eval "g_a$g_arguments=\$g_value"
      [ "$g_arguments" = 1 ] || g_rest_list="$g_rest_list \"\$g_a$g_arguments\""
      return 0
      ;;
    env)
      g_decode "$2" || return 1
      case $g_value in
        GRID_EXECUTION=* | GRID_ATTEMPT=* | GRID_COOKIE=*) ;;
        ?*=*) g_variable "${g_value%%=*}" "${g_value#*=}" ;;
      esac
      return 0
      ;;
    inherit)
      g_decode "$2" || return 1
      g_inherits=$((g_inherits + 1))
      eval "g_i$g_inherits=\$g_value"
      return 0
      ;;
  esac
  case $g_seen in
    *" $1 "*) return 1 ;;
  esac
  g_seen="$g_seen$1 "
  case $1 in
    nonce) g_decode "$2" ;;
    cookie) g_decode "$2" && g_cookie=$g_value ;;
    execution) g_decode "$2" && g_execution=$g_value ;;
    array)
      g_array=$2
      [ "$2" = yes ] || [ "$2" = no ]
      ;;
    elements) g_check_elements "$2" ;;
    slots)
      g_slots=$2
      g_is_number "$2" && [ "$2" -gt 0 ]
      ;;
    grace_ms)
      g_grace=$2
      g_is_number "$2"
      ;;
    cwd) g_decode "$2" && g_cwd=$g_value ;;
    stdin) g_decode "$2" && g_stdin=$g_value ;;
    umask) g_is_number "$2" && [ "$2" -le 511 ] && g_umask=$(($2 / 64))$(($2 / 8 % 8))$(($2 % 8)) ;;
    *) return 1 ;;
  esac
}

g_read_spec() {
  g_cookie= g_execution= g_array= g_slots= g_grace= g_cwd= g_stdin= g_umask= g_path= g_mode=own
  g_seen=' ' g_names= g_list= g_rest_list= g_variables=0 g_arguments=0 g_inherits=0 g_number=0 g_ended=
  while IFS= read -r g_text; do
    g_number=$((g_number + 1))
    [ -z "$g_ended" ] || g_refuse "run spec, line $g_number: it has ended"
    case $g_number:$g_text in
      '1:grid-run 2') ;;
      1:*) g_refuse "run spec, line 1: not 'grid-run 2'" ;;
      *:end) g_ended=1 ;;
      *:*' '*) g_line "${g_text%% *}" "${g_text#* }" || g_refuse "run spec, line $g_number: not understood" ;;
      *) g_refuse "run spec, line $g_number: not understood" ;;
    esac
  done <"$g_dir/spec"
  [ -z "$g_text" ] && [ -n "$g_ended" ] || g_refuse 'run spec: it has no end'
  for g_text in nonce cookie execution array elements slots grace_ms; do
    case $g_seen in
      *" $g_text "*) ;;
      *) g_refuse "run spec: $g_text is missing" ;;
    esac
  done
  [ "$g_arguments" -gt 0 ] || g_refuse 'run spec: arg is missing'
  while [ "$g_inherits" -gt 0 ]; do
    eval "g_inherit \"\$g_i$g_inherits\""
    g_inherits=$((g_inherits - 1))
  done
}

# ---- run: from whoever started us to a process that stands alone

g_has_default_signal() { env --default-signal=INT true 2>/dev/null; }

g_run() {
  case $1 in
    /*) g_dir=$1 ;;
    *) g_dir=$PWD/$1 ;;
  esac
  case $g_script in
    /*) ;;
    *) g_script=$PWD/$g_script ;;
  esac
  g_had_lc_all=${LC_ALL+x} g_lc_all=${LC_ALL-}
  [ -r "$g_dir/spec" ] || g_refuse "$g_dir/spec cannot be read"
  [ -e "$g_dir/go" ] && exit 3
  LC_ALL=C
  exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  g_read_spec
  g_bash=${BASH_VERSION:+$BASH}
  [ -n "$g_bash" ] || g_bash=$(command -v bash)
  g_tools=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
  PATH=$g_tools
  g_setsid=$(command -v setsid)
  if [ -n "$g_bash" ]; then
    g_shell="$g_bash --posix"
  elif [ "/proc/$$/exe" -ef /bin/sh ]; then
    g_shell=/bin/sh
  else
    g_shell=$(readlink "/proc/$$/exe")
    case ${g_shell##*/} in
      busybox*) g_shell="$g_shell sh" ;;
    esac
  fi
  g_prefix=
  case $g_shell in
    *' --posix') ;;
    *)
      [ -n "$g_setsid" ] || g_refuse 'neither bash nor setsid is there'
      g_prefix=$g_setsid # by its path: it is looked up in the task's PATH
      g_has_default_signal && g_prefix="$(command -v env) --default-signal=INT,QUIT $g_setsid"
      ;;
  esac

  g_reset=
  while read -r g_key g_text; do # ignored signals cannot be brought back by a shell
    case $g_key:$g_text in
      SigIgn:*0000000) break ;;
      SigIgn:*)
        g_has_default_signal && g_reset='--default-signal'
        break
        ;;
    esac
  done <"/proc/$$/status"

  IFS= read -r g_text <"/proc/$$/stat"
  g_leads ${g_text##*) }
  g_alone=$g_setsid
  [ "$g_session" = $$ ] && g_alone=
  [ "$g_mode" = own ] && g_environment=$g_list || g_environment= g_first=$g_list
  [ "$g_mode" = own ] && g_first=
  # The variables of a task come before its arguments; in the mode `own` they are this process's already.
  set -- _main "$g_dir" "$g_tools" "$g_shell" "$g_mode" "$g_prefix" "$g_array" "$g_slots" "$g_grace" "$g_umask" \
    "$g_cwd" "$g_stdin" "$g_execution" "$g_cookie" "$g_path" "$g_variables" "$g_a1"
  g_start="$g_alone env -i $g_reset GRID_COOKIE=\"\$g_cookie\" $g_environment $g_shell \"\$g_script\" \"\$@\""
  g_start="$g_start $g_first $g_rest_list </dev/null"
  if [ -n "$g_alone" ] && [ "$g_group" = $$ ]; then # setsid would fork, and nobody would see how it ends
    (eval "exec $g_start")
    exit
  fi
  eval "exec $g_start"
}
g_leads() { g_group=$3 g_session=$4; }

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
      [ "$g_rc" != broken ] || g_recall
      return
    fi
    [ -n "$g_told$g_child" ] || break
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
  g_rc=143
  [ -n "${BASH_VERSION-}" ] || jobs -l >"$g_note"
  while read -r g_text; do
    case $g_text in
      *" $g_pid Done("*) g_rc=${g_text#*Done\(} g_rc=${g_rc%%\)*} ;;
      *" $g_pid Exit "*) g_rc=${g_text#*Exit } g_rc=${g_rc%% *} ;;
      *" $g_pid Done"*) g_rc=0 ;;
      *" $g_pid Killed"*) g_rc=137 ;;
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
      *" $g_pid "*) ;;
      *) continue ;;
    esac
    case $g_text in
      *Done*"($g_rc)"* | *Exit*"$g_rc"*) ;;
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
    *setsid:*"$g_program"* | *env:*"$g_program"* | *nice:*"$g_program"* | "$0: "*"$g_program"* | \
      *setsid:*"$g_command"* | *env:*"$g_command"* | "$0: "*"$g_command"*) ;;
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

# ---- a slot

# The number of the next element of several slots: each appends a byte to the same file, and where that went is
# told by the position of its descriptor.
g_draw() {
  printf . >&8
  read -r g_text g_ticket </proc/self/fdinfo/8
}

# bash forgets a job's signal once it was waited for, so what it says is kept.
g_on_child() {
  g_child=1
  g_looks=$((g_looks + 1))
  if [ "$g_looks" -lt 100 ]; then
    jobs -l >>"$g_note"
  else
    g_looks=0
    jobs -l >"$g_note"
  fi
}
g_looks=0
g_to_its_end=
case ${BASH_VERSION-} in
  '' | [1-4].*) ;;
  *) g_to_its_end=-f ;; # else wait returns for a stopped one too
esac

g_work() { # SLOT ARGUMENTS…: elements in their order, as long as there are any
  g_slot=$1 g_note=$g_dir/.note$1 g_shared=
  [ "$1" = 0 ] || g_shared=1 g_slot=$(($1 - 1))
  shift
  [ -n "${BASH_VERSION-}" ] && set -m && trap g_on_child CHLD
  trap g_on_term TERM
  exec 2>/dev/null
  [ -z "$g_shared" ] || exec 8>>"$g_dir/.drawn"
  g_program= g_held= g_open= g_mine=' ' g_stopping= g_last_pid= g_child= g_ticket=0 g_base=0 g_left=0 g_because= g_mark=$g_execution
  g_slot_out=$g_dir/slot$g_slot.out g_slot_err=$g_dir/slot$g_slot.err
  g_direct=1 # into the element's own files; in the slot's, which are used again, while nobody writes anything
  for g_range in $g_elements; do
    g_attempt=${g_range#*:} g_first=${g_range%%:*}
    g_last=${g_first#*-} g_first=${g_first%%-*}
    while :; do
      if [ -n "$g_next" ]; then
        g_next=
      elif [ -n "$g_shared" ]; then
        kill -0 "$PPID" || exit 1 # nobody would see what becomes of it
        g_draw
      else
        g_ticket=$((g_ticket + 1))
      fi
      g_n=$((g_first + g_ticket - g_base - 1))
      [ "$g_n" -le "$g_last" ] || break
      [ "$g_array" = no ] || g_mark=$g_execution.$g_n
      if [ -n "$g_leased" ] && g_is_over || g_is_cancelled; then
        g_skip "signal=15 core=0$g_fenced"
        continue
      fi
      if [ -z "$g_program" ] || [ -n "$g_stdin" ] || ! [ "$g_cwd" -ef . ]; then
        g_error=0
        g_prepare
        if [ "$g_error" != 0 ]; then
          g_skip "error=$g_error core=0"
          continue
        fi
        [ -z "$g_command" ] && g_choose_command && eval "set -- $g_list"
      fi
      if [ -n "$g_direct" ]; then
        g_out=$g_dir/$g_n.out g_err=$g_dir/$g_n.err g_where=
      else
        g_out=$g_slot_out g_err=$g_slot_err g_where=" slot=$g_slot"
      fi
      (g_become "$@") <"${g_stdin:-/dev/null}" >>"$g_out" 2>>"$g_err" 8>&- &
      g_pid=$!
      g_identify "$g_pid"
      [ -z "$g_open" ] || g_held=$g_held$g_open$g_left$g_nl
      g_append "${g_held}started element=$g_n attempt=$g_attempt pid=$g_pid start=$g_start$g_where$g_nl"
      g_held=
      g_wait
      g_finish_element
      # Not written before there is more to write; its leftovers may still become more.
      g_open="exited element=$g_n attempt=$g_attempt $g_record leftovers="
      g_last_pid=$g_pid g_pid=
      [ -z "$g_shared" ] || g_mine="$g_mine$g_mark "
    done
    g_next=1 # this one belongs to a later range
    g_base=$((g_base + g_last - g_first + 1))
  done
  # Whoever left its process group is looked for once, and counted with the last element.
  if [ -n "$g_last_pid" ]; then
    [ -n "$g_shared" ] && g_wanted=$g_mine || g_wanted='*'
    g_session=
    [ -n "$g_prefix" ] && g_session=$g_last_pid
    [ -z "$g_prefix" ] && [ -z "$g_shared" ] && g_session=$$
    g_clear '' "$g_session"
  fi
  [ -z "$g_open" ] || g_held=$g_held$g_open$g_left$g_nl
  [ -z "$g_held" ] || g_append "$g_held"
  [ -z "${BASH_VERSION-}" ] || trap - CHLD
  exec 8>&-
}
g_next=

g_become() { # ARGUMENTS…: in a process of its own
  [ -z "$g_umask" ] || umask "$g_umask"
  if [ "$g_mode" = own ]; then
    export "GRID_EXECUTION=$g_mark" "GRID_ATTEMPT=$g_attempt"
    exec $g_prefix "$g_command" "$@"
  fi
  PATH=$g_tools
  exec env -i "GRID_COOKIE=$g_cookie" "GRID_EXECUTION=$g_mark" "GRID_ATTEMPT=$g_attempt" "$@"
}

g_skip() { # an element that is not started, and why
  [ -z "$g_open" ] || g_held=$g_held$g_open$g_left$g_nl g_open=
  g_held="${g_held}exited element=$g_n attempt=$g_attempt $1 stdout=0 stderr=0 leftovers=0$g_nl"
  [ ${#g_held} -lt 4000 ] || { g_append "$g_held" && g_held=; }
}

# g_command: the program by the name it was given where the one who looks it up finds the same; g_list: what
# stands behind it, or in the mode `env` all that follows env's own variables.
g_choose_command() {
  g_command=$g_name g_list='"$@"'
  case $g_path:$g_name in
    :* | *:-* | *:*=*) g_command=$g_program ;;
  esac
  [ "$g_mode" = env ] || return 0
  g_list= g_index=1
  while [ "$g_index" -le "$g_variables" ]; do
    g_list="$g_list \"\${$g_index}\"" g_index=$((g_index + 1))
  done
  case $g_prefix:$g_command in
    :*=*) g_list="$g_list nice -n 0" ;; # env would take the name for a variable
  esac
  g_list="$g_list $g_prefix \"\$g_command\""
  while [ "$g_index" -le $g_arguments ]; do
    g_list="$g_list \"\${$g_index}\"" g_index=$((g_index + 1))
  done
}

# ---- _main: the shim itself

g_main() {
  g_take "$@"
  cd "$g_dir" || exit 2
  : >>journal || g_refuse 'the journal cannot be written'
  if ! g_tool mkdir go 2>/dev/null; then
    [ -e go ] && exit 3
    g_refuse 'the start gate cannot be made'
  fi
  [ "$g_cwd" != "$g_dir/work" ] || [ -d work ] || g_tool mkdir work
  g_identify $$
  read -r g_boot </proc/sys/kernel/random/boot_id
  g_append "shim pid=$$ start=$g_start boot=$g_boot$g_nl"
  g_watch=
  if [ -n "$g_leased" ] && ! g_is_over; then
    trap 'g_told=1' TERM
    g_spawn _watch "$$" "$@"
    g_watch=$!
  fi
  g_total=0
  for g_range in $g_elements; do
    g_n=${g_range%%:*}
    g_total=$((g_total + ${g_n#*-} - ${g_n%%-*} + 1))
  done
  [ "$g_slots" -le "$g_total" ] || g_slots=$g_total
  if [ "$g_slots" = 1 ]; then
    shift 16
    g_arguments=$#
    g_work 0 "$@"
    cd "$g_dir"
  else
    g_share "$@"
  fi
  if [ -n "$g_watch" ]; then
    kill -KILL "-$g_watch" 2>/dev/null
    wait "$g_watch"
  fi
  g_tidy
  g_append "finished$g_nl"
}

# One of our other verbs beside us, in a process group of its own.
g_spawn() {
  [ -z "${BASH_VERSION-}" ] || set -m
  PATH=$g_tools ${g_prefix:+setsid} $g_shell "$0" "$@" </dev/null &
}

g_share() { # ARGUMENTS OF _main…
  trap 'for g_worker in $g_workers; do kill -TERM "$g_worker"; done' TERM
  g_workers= g_index=0
  while [ "$g_index" -lt "$g_slots" ]; do
    g_index=$((g_index + 1))
    g_spawn _work "$g_index" "$@"
    g_workers="$g_workers $!"
  done
  exec 2>/dev/null
  for g_one in $g_workers; do
    while :; do
      wait "$g_one"
      kill -0 "$g_one" || break
    done
  done
  g_index=0
  while [ "$g_index" -lt "$g_slots" ]; do
    g_index=$((g_index + 1))
    [ -e ".done$g_index" ] && continue
    g_log "slot $g_index died"
    g_end "$g_dir" # the run is lost; nothing of it may go on
    exit 1
  done
  g_left=0 g_wanted='*' g_stopping= g_session=
  [ -z "$g_prefix" ] && g_session=$$
  g_clear '' "$g_session"
}

# A file that is not there means nothing was written.
g_tidy() {
  set +f
  set --
  for g_file in [0-9]*.out [0-9]*.err; do
    [ ! -e "$g_file" ] || [ -s "$g_file" ] || set -- "$@" "$g_file"
    [ $# -lt 200 ] || { g_tool rm -f "$@" && set --; }
  done
  set -- "$@" .[dfn]* slot*
  set -f
  g_tool rm -f "$@"
}

# ---- _work: one slot of several

g_serve_slot() { # SLOT ARGUMENTS OF _main…
  g_index=$1
  shift
  g_take "$@"
  shift 16
  g_arguments=$#
  g_work "$g_index" "$@"
  : >"$g_dir/.done$g_index"
}

# ---- _watch: the lease. Only while there is one.

g_follow_lease() { # PID OF _main, ARGUMENTS OF _main…
  g_owner=$1
  shift
  g_take "$@"
  g_known=
  while g_read_lease; do
    g_clock
    if [ "$g_lease" != "$g_known" ]; then
      g_known=$g_lease
      # The grace, but at most half of what is left.
      g_term_at=$((g_lease - g_grace))
      [ "$g_term_at" -ge $(((g_lease + g_now) / 2)) ] || g_term_at=$(((g_lease + g_now) / 2))
    fi
    if ! kill -0 "$g_owner" 2>/dev/null; then
      [ "$g_now" -lt "$g_lease" ] || g_end "$g_dir"
    elif [ "$g_now" -ge "$g_term_at" ]; then
      [ -e "$g_dir/.fence" ] || printf '%s\n' "$g_lease" >"$g_dir/.fence"
      kill -TERM "$g_owner"
    fi
    g_rest=$((g_term_at - g_now))
    [ "$g_rest" -gt 0 ] && [ "$g_rest" -lt 1000 ] || g_rest=1000
    g_sleep_ms "$g_rest"
  done
}

# ---- end

g_end() { # DIR; its exit code in g_value
  g_cookie=
  while read -r g_key g_text; do
    [ "$g_key" = cookie ] && g_decode "$g_text" && g_cookie=$g_value
  done 2>/dev/null <"$1/spec"
  g_value=2
  [ -n "$g_cookie" ] || return
  g_value=1 g_tries=0 g_wanted='*'
  case $g_cookie in
    *[!A-Za-z0-9_-]*) g_pattern=GRID_COOKIE= ;;
    *) g_pattern=GRID_COOKIE=$g_cookie ;;
  esac
  g_end_groups "$1"
  while [ "$g_tries" -lt 100 ]; do
    g_found=
    set +f
    for g_file in $(PATH=$g_tools grep -l -e "$g_pattern" /proc/[0-9]*/environ 2>/dev/null); do
      set -f
      g_one=${g_file#/proc/} g_one=${g_one%/*}
      [ "$g_one" != $$ ] && g_is_marked "$g_one" || continue
      kill -KILL "$g_one" 2>/dev/null && g_found=1
    done
    set -f
    [ -n "$g_found" ] || {
      g_value=0
      return
    }
    g_tries=$((g_tries + 1))
    g_sleep_ms 50
  done
}

# The groups of elements that still run, known by their leaders: there may be some in them without the cookie.
g_end_groups() {
  g_boot= g_this_boot=
  read -r g_this_boot </proc/sys/kernel/random/boot_id
  while read -r g_key g_text; do
    case $g_key in
      shim) g_boot=${g_text##*boot=} ;;
      started)
        [ "$g_boot" = "$g_this_boot" ] || return 0
        g_one=${g_text#*pid=} g_last=${g_text#*start=}
        g_one=${g_one%% *} g_last=${g_last%% *}
        [ -e "/proc/$g_one/stat" ] && g_identify "$g_one" && [ "$g_start" = "$g_last" ] &&
          [ "$g_group" = "$g_one" ] && kill -KILL "-$g_one" 2>/dev/null
        ;;
    esac
  done 2>/dev/null <"$1/journal"
}

case $#:$1 in
  2:run) g_run "$2" ;;
  2:end)
    case $2 in
      /*) g_dir=$2 ;;
      *) g_dir=$PWD/$2 ;;
    esac
    LC_ALL=C
    g_tools=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
    g_end "$g_dir"
    exit "$g_value"
    ;;
  *:_main | *:_work | *:_watch)
    g_verb=$1
    shift
    case $g_verb in
      _main) g_main "$@" ;;
      _work) g_serve_slot "$@" ;;
      _watch) g_follow_lease "$@" ;;
    esac
    exit 0
    ;;
  *) g_refuse 'usage: sh shim.sh run|end DIR' ;;
esac
