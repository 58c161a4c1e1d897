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
# setsid gives each task a process group, and GNU env undoes what POSIX demands of background jobs: that they
# ignore INT and QUIT. bash makes the group by itself, but under heavy load its trap for CHLD and its wait can miss
# each other; it is taken where it is /bin/sh, or where there is no setsid.
#
# Parts: shim_element.sh (one element, descendants), shim_slots.sh (slots, _main, _work, _watch), and here the spec,
# `run` and `end`.
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
  g_tools=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
  PATH=$g_tools
  g_setsid=$(command -v setsid)
  [ -n "$g_bash$g_setsid" ] || g_bash=$(command -v bash)
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
  case $g_stdin in '' | /*) ;; *) g_stdin=$g_dir/$g_stdin ;; esac # staged: in the run directory
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

# A node gets the parts as one text, this one last.
command -v g_work >/dev/null || . "${0%/*}/shim_slots.sh"
command -v g_scan >/dev/null || . "${0%/*}/shim_element.sh"

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
