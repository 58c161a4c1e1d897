# Part of shim.sh: a slot, and the verbs that shim.sh starts itself by.

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
  [ -z "${BASH_VERSION-}" ] || g_prod
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

# A bash whose trap runs at the very moment at which its child ends may wait for that child for ever. It sees it
# with the next signal of this kind, so the workers get one a second.
g_prod() {
  g_sleeper=
  while :; do
    g_some=
    for g_one in $g_workers; do
      kill -0 "$g_one" && g_some="$g_some $g_one"
    done
    [ -n "$g_some" ] || break
    if [ -n "$g_sleeper" ] && ! kill -0 "$g_sleeper"; then
      kill -CHLD $g_some
      g_sleeper=
    fi
    if [ -z "$g_sleeper" ]; then
      PATH=$g_tools sleep 1 </dev/null &
      g_sleeper=$!
    fi
    wait -n
  done
  kill -KILL "$g_sleeper"
  wait "$g_sleeper"
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
