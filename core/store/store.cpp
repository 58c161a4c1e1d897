#include "core/store/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "core/store/schema.hpp"
#include "core/store/sqlite.hpp"
#include "grid/sdk/fd.hpp"

namespace grid {
namespace {

Json move_to_json(const Move& move) {
  Json members = Json::array();
  for (const ProcessId& member : move.members) members.push_back({member.pid, member.start_ticks});
  return {{"target", move.target},
          {"original", static_cast<int>(move.original)},
          {"phase", static_cast<int>(move.phase)},
          {"members", std::move(members)},
          {"gone", move.original_gone},
          {"by_hand", move.continued_by_hand}};
}

Result<Move> move_from_json(std::string_view text) try {
  const auto json = parse_json(text);
  if (!json || !json->is_object())
    return fail(Code::storage_failed, "the store holds a move that is no JSON");
  Move move;
  move.target = json->value("target", std::string());
  move.original = static_cast<Original>(json->value("original", 0));
  move.phase = static_cast<MovePhase>(json->value("phase", 0));
  move.original_gone = json->value("gone", false);
  move.continued_by_hand = json->value("by_hand", false);
  for (const Json& member : json->value("members", Json::array()))
    move.members.push_back({member.at(0).get<std::int32_t>(), member.at(1).get<std::uint64_t>()});
  return move;
} catch (const Json::exception& error) {
  return fail(Code::storage_failed,
              std::string("the store holds a move that cannot be read: ") + error.what());
}

}  // namespace

struct Store::Impl {
  Database database;
  std::string head_id;
  std::int64_t last_task = 0;
  std::int64_t last_event = 0;

  Statement insert_task, update_detail, save_execution, save_attempt, insert_run, delete_run, insert_event,
      insert_decision, upsert_memory;

  Result<> configure() {
    for (const char* pragma : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON",
                               "PRAGMA trusted_schema=OFF", "PRAGMA temp_store=MEMORY"})
      if (auto done = database.execute(pragma); !done) return done;
    const auto mode = database.value("PRAGMA journal_mode");
    if (!mode) return fail(mode.error());
    if (*mode != "wal")
      return fail(Code::storage_failed,
                  "the store's disk does not support write-ahead logging (" + *mode + ")");
    return {};
  }

  // Whose it is, before anything in it is changed.
  Result<> identify() {
    const auto application = database.value("PRAGMA application_id");
    if (!application) return fail(application.error());
    const auto version = database.value("PRAGMA user_version");
    if (!version) return fail(version.error());
    if (*application != std::to_string(application_id))
      return fail(Code::storage_failed, "the store is some other program's database",
                  "use another GRID_STATE_DIR");
    if (*version == std::to_string(schema_version)) return {};
    return fail(Code::storage_failed,
                fmt::format("the store was made by another grid (its format is {}, this one knows {})",
                            *version, schema_version),
                "use the newer grid, or another GRID_STATE_DIR");
  }

  Result<> make() {
    if (auto done = database.execute("BEGIN IMMEDIATE"); !done) return done;
    if (auto done = database.execute(schema_sql); !done) return done;
    const std::string head = fmt::format("INSERT INTO meta VALUES('head_id', '{}')", random_hex(8));
    if (auto done = database.execute(head.c_str()); !done) return done;
    const std::string mark =
        fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", application_id, schema_version);
    if (auto done = database.execute(mark.c_str()); !done) return done;
    return database.execute("COMMIT");
  }

  Result<> check() {
    const auto verdict = database.value("PRAGMA quick_check(1)");
    if (!verdict) return fail(verdict.error());
    if (*verdict == "ok") return {};
    return fail(Code::storage_failed, "the store is damaged: " + *verdict,
                "keep a copy of the folder, then try: sqlite3 grid.db .recover");
  }

  Result<> load_facts() {
    const auto id = database.value("SELECT value FROM meta WHERE key='head_id'");
    if (!id) return fail(id.error());
    head_id = *id;
    const auto number = [&](const char* sql, std::int64_t& out) -> Result<> {
      const auto text = database.value(sql);
      if (!text) return fail(text.error());
      out = text->empty() ? 0 : std::stoll(*text);
      return {};
    };
    if (auto done = number("SELECT seq FROM sqlite_sequence WHERE name='task'", last_task); !done)
      return done;
    return number("SELECT seq FROM sqlite_sequence WHERE name='event'", last_event);
  }

  Result<> prepare() {
    const auto make = [&](Statement& statement, const char* sql) -> Result<> {
      auto made = database.prepare(sql);
      if (!made) return fail(made.error());
      statement = std::move(*made);
      return {};
    };
    const std::array<std::pair<Statement*, const char*>, 9> all{{
        {&insert_task,
         "INSERT INTO task(id, created_ms, array, move, pinned_node, spec, detail) VALUES(?,?,?,?,?,?,?)"},
        {&update_detail, "UPDATE task SET detail=?2 WHERE id=?1"},
        // The WHERE of an upsert decides whether the update happens: a terminal row stays as it is.
        {&save_execution,
         "INSERT INTO execution VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(task, element) DO UPDATE SET "
         "state=?3, cancel=?4, "
         "reason=?5, started_ms=?6, ended_ms=?7, move=?8 WHERE execution.state < 2 AND (execution.state <= "
         "?3)"},
        {&save_attempt,
         "INSERT INTO attempt "
         "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22) "
         "ON CONFLICT(task, element, number) DO UPDATE SET state=?5, run=?7, pid=?8, start_ticks=?9, "
         "code=?10, signal=?11, "
         "error=?12, core=?13, user_cpu=?14, system_cpu=?15, max_rss=?16, stdout=?17, stderr=?18, "
         "leftovers=?19, reason=?20, "
         "started_ms=?21, ended_ms=?22 WHERE attempt.state < 4 AND attempt.state <= ?5 AND attempt.node = "
         "?6"},
        {&insert_run, "INSERT INTO run(name, task, node, nonce) VALUES(?,?,?,?)"},
        {&delete_run, "DELETE FROM run WHERE name=?"},
        {&insert_event, "INSERT INTO event(seq, at_ms, kind, subject, text, data) VALUES(?,?,?,?,?,?)"},
        {&insert_decision, "INSERT INTO decision(at_ms, scan) VALUES(?,?)"},
        {&upsert_memory,
         "INSERT INTO memory VALUES(?1,?2,?3) ON CONFLICT(policy) DO UPDATE SET at_ms=?2, memory=?3"},
    }};
    for (const auto& [statement, sql] : all)
      if (auto done = make(*statement, sql); !done) return done;
    return {};
  }

  Result<std::vector<std::int64_t>> ids(std::string_view sql, std::int64_t first, std::int64_t second) {
    auto statement = database.prepare(sql);
    if (!statement) return fail(statement.error());
    statement->bind(1, first).bind(2, second);
    std::vector<std::int64_t> found;
    for (;;) {
      const auto row = statement->row();
      if (!row) return fail(row.error());
      if (!*row) return found;
      found.push_back(statement->integer(0));
    }
  }
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

namespace {

constexpr const char* recovery_hint =
    "keep a copy of the folder; then put back a backup, or move grid.db* away to start anew";

// Made whole under another name: a store that is there and empty was cut off by somebody, and is never taken
// for new.
Result<> make_store(const std::filesystem::path& path, const std::function<Result<>(Database)>& fill) {
  const std::filesystem::path beside = path.string() + ".new";
  std::error_code ignored;
  for (const char* suffix : {"", "-journal"}) std::filesystem::remove(beside.string() + suffix, ignored);
  auto database = Database::open(beside, Database::Mode::read_write);
  if (!database) return fail(database.error());
  if (auto filled = fill(std::move(*database)); !filled) return filled;
  std::error_code error;
  std::filesystem::rename(beside, path, error);
  if (error)
    return fail(Code::storage_failed, "cannot make the store " + path.string() + ": " + error.message());
  const Fd folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
  return {};
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& path) {
  const mode_t before = ::umask(0077);  // the store holds environments
  auto store = open_private(path);
  ::umask(before);
  return store;
}

Result<Store> Store::open_private(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (std::filesystem::exists(path.string() + "-wal", error))
      return fail(Code::storage_failed, "the store " + path.string() + " is gone, and its log is still there",
                  recovery_hint);
    auto made = make_store(path, [](Database database) {
      Impl impl;
      impl.database = std::move(database);
      return impl.make();
    });
    if (!made) return fail(made.error());
  } else if (std::filesystem::file_size(path, error) == 0) {
    return fail(Code::storage_failed, "the store " + path.string() + " is empty: something cut it off",
                recovery_hint);
  }
  auto database = Database::open(path, Database::Mode::read_write);
  if (!database) return fail(database.error());
  auto impl = std::make_unique<Impl>();
  impl->database = std::move(*database);
  auto done = impl->identify();
  if (done) done = impl->configure();
  if (done) done = impl->check();
  if (done) done = impl->load_facts();
  if (done) done = impl->prepare();
  if (!done) return fail(done.error());
  return Store(std::move(impl));
}

Result<Store> Store::open_read_only(const std::filesystem::path& path) {
  auto database = Database::open(path, Database::Mode::read_only);
  if (!database) return fail(database.error());
  auto impl = std::make_unique<Impl>();
  impl->database = std::move(*database);
  if (auto done = impl->load_facts(); !done) return fail(done.error());
  return Store(std::move(impl));
}

const std::string& Store::head_id() const { return impl_->head_id; }
std::int64_t Store::last_task_id() const { return impl_->last_task; }
std::int64_t Store::last_event_seq() const { return impl_->last_event; }

Result<> Store::begin() { return impl_->database.execute("BEGIN IMMEDIATE"); }
Result<> Store::commit() { return impl_->database.execute("COMMIT"); }
void Store::rollback() {
  // An error may have rolled back already.
  if (impl_->database.in_transaction()) static_cast<void>(impl_->database.execute("ROLLBACK"));
}

Result<> Store::add_task(const TaskRecord& record) {
  const std::string spec = dump_json(task_to_json(record.task));
  const std::string detail = dump_json(record.detail);
  auto done = impl_->insert_task.bind(1, record.id)
                  .bind(2, record.created_ms)
                  .bind(3, record.array)
                  .bind(4, std::int64_t{record.moves()})
                  .bind(5, record.pinned_node)
                  .bind(6, spec)
                  .bind(7, detail)
                  .run();
  if (!done) return fail(done.error());
  return {};
}

Result<> Store::set_detail(std::int64_t task, const Json& detail) {
  const std::string text = dump_json(detail);
  auto done = impl_->update_detail.bind(1, task).bind(2, text).run();
  if (!done) return fail(done.error());
  return {};
}

namespace {

tl::unexpected<Error> illegal(const ExecutionId& id, std::string_view what) {
  return fail(Code::internal, fmt::format("the store refused an illegal transition of execution {}.{}: {}",
                                          id.task, id.element, what));
}

}  // namespace

Result<> Store::save(const Execution& x, std::uint64_t attempts) {
  std::string move;
  Statement& s = impl_->save_execution;
  s.bind(1, x.id.task)
      .bind(2, std::int64_t{x.id.element})
      .bind(3, static_cast<std::int64_t>(x.state))
      .bind(4, std::int64_t{x.cancel_requested})
      .bind(5, x.reason)
      .bind(6, x.started_ms)
      .bind(7, x.ended_ms);
  if (x.move) {
    move = dump_json(move_to_json(*x.move));
    s.bind(8, move);
  } else {
    s.bind_null(8);
  }
  auto changed = s.run();
  if (!changed) return fail(changed.error());
  if (*changed != 1) return illegal(x.id, to_string(x.state));

  for (const Attempt& a : x.attempts) {
    if ((attempts >> std::min(a.number - 1, 63U) & 1U) == 0) continue;
    Statement& t = impl_->save_attempt;
    t.bind(1, x.id.task)
        .bind(2, std::int64_t{x.id.element})
        .bind(3, std::int64_t{a.number})
        .bind(4, static_cast<std::int64_t>(a.kind))
        .bind(5, static_cast<std::int64_t>(a.state))
        .bind(6, a.node)
        .bind(7, a.run)
        .bind(20, a.reason)
        .bind(21, a.started_ms)
        .bind(22, a.ended_ms);
    if (a.process)
      t.bind(8, std::int64_t{a.process->pid}).bind(9, static_cast<std::int64_t>(a.process->start_ticks));
    else
      t.bind_null(8).bind_null(9);
    if (a.ending)
      t.bind(10, a.ending->code)
          .bind(11, a.ending->signal)
          .bind(12, a.ending->error)
          .bind(13, std::int64_t{a.ending->core_dumped})
          .bind(14, a.ending->user_cpu_seconds)
          .bind(15, a.ending->system_cpu_seconds)
          .bind(16, a.ending->max_rss_bytes)
          .bind(17, static_cast<std::int64_t>(a.ending->stdout_bytes))
          .bind(18, static_cast<std::int64_t>(a.ending->stderr_bytes))
          .bind(19, std::int64_t{a.ending->leftovers});
    else
      for (int i = 10; i <= 19; ++i) t.bind_null(i);
    auto saved = t.run();
    if (!saved) return fail(saved.error());
    if (*saved != 1) return illegal(x.id, fmt::format("attempt {} {}", a.number, to_string(a.state)));
  }
  return {};
}

Result<> Store::add_run(const RunRecord& record) {
  auto done = impl_->insert_run.bind(1, record.name)
                  .bind(2, record.task)
                  .bind(3, record.node)
                  .bind(4, record.nonce)
                  .run();
  if (!done) return fail(done.error());
  return {};
}

Result<> Store::remove_run(const std::string& name) {
  auto done = impl_->delete_run.bind(1, name).run();
  if (!done) return fail(done.error());
  return {};
}

Result<> Store::add_event(const EventRecord& record) {
  const std::string data = dump_json(record.data);
  auto done = impl_->insert_event.bind(1, record.seq)
                  .bind(2, record.at_ms)
                  .bind(3, record.kind)
                  .bind(4, record.subject)
                  .bind(5, record.text)
                  .bind(6, data)
                  .run();
  if (!done) return fail(done.error());
  return {};
}

Result<> Store::add_decision(const DecisionRecord& record) {
  const std::string scan = dump_json(record.scan);
  auto done = impl_->insert_decision.bind(1, record.at_ms).bind(2, scan).run();
  if (!done) return fail(done.error());
  return {};
}

Result<> Store::set_memory(const std::string& policy, std::int64_t at_ms, const std::string& memory) {
  auto done = impl_->upsert_memory.bind(1, policy).bind(2, at_ms).bind(3, memory).run();
  if (!done) return fail(done.error());
  return {};
}

Result<> Store::prune(std::int64_t before_ms) {
  for (const char* sql : {"DELETE FROM task WHERE created_ms < ?1 AND NOT EXISTS (SELECT 1 FROM execution "
                          "WHERE execution.task = task.id AND "
                          "(state < 2 OR ended_ms >= ?1))",
                          "DELETE FROM event WHERE at_ms < ?1", "DELETE FROM decision WHERE at_ms < ?1"}) {
    auto statement = impl_->database.prepare(sql);
    if (!statement) return fail(statement.error());
    if (auto done = statement->bind(1, before_ms).run(); !done) return fail(done.error());
  }
  return {};
}

Result<TaskRecord> Store::task(std::int64_t id) {
  auto s =
      impl_->database.prepare("SELECT created_ms, array, pinned_node, spec, detail FROM task WHERE id=?");
  if (!s) return fail(s.error());
  const auto row = s->bind(1, id).row();
  if (!row) return fail(row.error());
  if (!*row) return fail(Code::not_found, fmt::format("no execution {}", id), "see: grid ps -a");
  TaskRecord record;
  record.id = id;
  record.created_ms = s->integer(0);
  if (const auto array = s->maybe(1)) record.array = static_cast<std::uint32_t>(*array);
  record.pinned_node = s->text(2);
  const auto spec = parse_json(s->text(3));
  const auto detail = parse_json(s->text(4));
  if (!spec || !detail)
    return fail(Code::storage_failed, fmt::format("the store holds a task {} that is no JSON", id));
  auto task = task_from_json(*spec);
  if (!task) return fail(task.error());
  record.task = std::move(*task);
  record.detail = *detail;
  return record;
}

Result<std::vector<Execution>> Store::executions(std::int64_t task) {
  auto s = impl_->database.prepare(
      "SELECT element, state, cancel, reason, started_ms, ended_ms, move FROM execution WHERE task=? ORDER "
      "BY element");
  if (!s) return fail(s.error());
  s->bind(1, task);
  std::vector<Execution> found;
  for (;;) {
    const auto row = s->row();
    if (!row) return fail(row.error());
    if (!*row) break;
    Execution x;
    x.id = {task, static_cast<std::uint32_t>(s->integer(0))};
    if (s->integer(1) < 0 || s->integer(1) > static_cast<std::int64_t>(ExecutionState::aborted))
      return fail(Code::storage_failed,
                  fmt::format("the store holds an execution of task {} in no known state", task));
    x.state = static_cast<ExecutionState>(s->integer(1));
    x.cancel_requested = s->integer(2) != 0;
    x.reason = s->text(3);
    x.started_ms = s->integer(4);
    x.ended_ms = s->integer(5);
    if (!s->null(6)) {
      auto move = move_from_json(s->text(6));
      if (!move) return fail(move.error());
      x.move = std::move(*move);
    }
    found.push_back(std::move(x));
  }
  auto t = impl_->database.prepare(
      "SELECT element, number, kind, state, node, run, pid, start_ticks, code, signal, error, core, "
      "user_cpu, system_cpu, "
      "max_rss, stdout, stderr, leftovers, reason, started_ms, ended_ms FROM attempt WHERE task=? ORDER BY "
      "element, number");
  if (!t) return fail(t.error());
  t->bind(1, task);
  std::size_t at = 0;
  for (;;) {
    const auto row = t->row();
    if (!row) return fail(row.error());
    if (!*row) return found;
    while (at < found.size() && found[at].id.element < t->integer(0)) ++at;
    if (at == found.size()) return fail(Code::storage_failed, "the store holds an attempt of no execution");
    Attempt a;
    a.number = static_cast<std::uint32_t>(t->integer(1));
    a.kind = static_cast<AttemptKind>(t->integer(2));
    a.state = static_cast<AttemptState>(t->integer(3));
    a.node = t->text(4);
    a.run = t->text(5);
    if (!t->null(6))
      a.process =
          ProcessId{static_cast<std::int32_t>(t->integer(6)), static_cast<std::uint64_t>(t->integer(7))};
    if (!t->null(11)) {
      Ending e;
      if (const auto code = t->maybe(8)) e.code = static_cast<int>(*code);
      if (const auto signal = t->maybe(9)) e.signal = static_cast<int>(*signal);
      if (const auto error = t->maybe(10)) e.error = static_cast<int>(*error);
      e.core_dumped = t->integer(11) != 0;
      if (!t->null(12)) e.user_cpu_seconds = t->real(12);
      if (!t->null(13)) e.system_cpu_seconds = t->real(13);
      if (const auto rss = t->maybe(14)) e.max_rss_bytes = static_cast<std::uint64_t>(*rss);
      e.stdout_bytes = static_cast<std::uint64_t>(t->integer(15));
      e.stderr_bytes = static_cast<std::uint64_t>(t->integer(16));
      e.leftovers = static_cast<std::uint32_t>(t->integer(17));
      a.ending = e;
    }
    a.reason = t->text(18);
    a.started_ms = t->integer(19);
    a.ended_ms = t->integer(20);
    found[at].attempts.push_back(std::move(a));
  }
}

Result<std::vector<std::int64_t>> Store::unfinished_tasks() {
  return impl_->ids("SELECT DISTINCT task FROM execution WHERE state < 2 AND ?1 = ?2 ORDER BY task", 0, 0);
}

Result<std::vector<std::int64_t>> Store::recent_tasks(std::int64_t since_ms, std::int64_t limit) {
  return impl_->ids(
      "SELECT id FROM task WHERE created_ms >= ?1 OR id IN (SELECT task FROM execution WHERE state < 2) "
      "ORDER BY id DESC LIMIT ?2",
      since_ms, limit);
}

Result<std::vector<std::int64_t>> Store::moves(std::int64_t limit) {
  return impl_->ids("SELECT id FROM task WHERE move = ?1 ORDER BY id DESC LIMIT ?2", 1, limit);
}

Result<StateCounts> Store::counts(std::optional<std::int64_t> task) {
  auto s = impl_->database.prepare(task ? "SELECT state, count(*) FROM execution WHERE task=?1 GROUP BY state"
                                        : "SELECT state, count(*) FROM execution GROUP BY state");
  if (!s) return fail(s.error());
  if (task) s->bind(1, *task);
  StateCounts counts;
  for (;;) {
    const auto row = s->row();
    if (!row) return fail(row.error());
    if (!*row) return counts;
    const auto state = static_cast<std::size_t>(s->integer(0));
    if (state < counts.by_state.size()) counts.by_state[state] = s->integer(1);
  }
}

Result<std::vector<RunRecord>> Store::runs() {
  auto s = impl_->database.prepare("SELECT name, task, node, nonce FROM run ORDER BY task, name");
  if (!s) return fail(s.error());
  std::vector<RunRecord> found;
  for (;;) {
    const auto row = s->row();
    if (!row) return fail(row.error());
    if (!*row) return found;
    found.push_back({s->text(0), s->integer(1), s->text(2), s->text(3)});
  }
}

Result<std::vector<EventRecord>> Store::events(std::int64_t after, std::int64_t limit,
                                               const std::string& subject) {
  auto s = impl_->database.prepare(after < 0 ? "SELECT * FROM (SELECT seq, at_ms, kind, subject, text, data "
                                               "FROM event WHERE seq > ?1 AND (?2 = '' OR "
                                               "subject = ?2) ORDER BY seq DESC LIMIT ?3) ORDER BY seq"
                                             : "SELECT seq, at_ms, kind, subject, text, data FROM event "
                                               "WHERE seq > ?1 AND (?2 = '' OR subject = ?2) "
                                               "ORDER BY seq LIMIT ?3");
  if (!s) return fail(s.error());
  s->bind(1, after).bind(2, subject).bind(3, limit);
  std::vector<EventRecord> found;
  for (;;) {
    const auto row = s->row();
    if (!row) return fail(row.error());
    if (!*row) return found;
    const auto data = parse_json(s->text(5));
    found.push_back(
        {s->integer(0), s->integer(1), s->text(2), s->text(3), s->text(4), data ? *data : Json::object()});
  }
}

Result<std::vector<DecisionRecord>> Store::decisions(std::int64_t limit) {
  auto s = impl_->database.prepare("SELECT seq, at_ms, scan FROM decision ORDER BY seq DESC LIMIT ?");
  if (!s) return fail(s.error());
  s->bind(1, limit);
  std::vector<DecisionRecord> found;
  for (;;) {
    const auto row = s->row();
    if (!row) return fail(row.error());
    if (!*row) return found;
    const auto scan = parse_json(s->text(2));
    found.push_back({s->integer(0), s->integer(1), scan ? *scan : Json::object()});
  }
}

Result<std::string> Store::memory(const std::string& policy) {
  auto s = impl_->database.prepare("SELECT memory FROM memory WHERE policy=?");
  if (!s) return fail(s.error());
  const auto row = s->bind(1, policy).row();
  if (!row) return fail(row.error());
  return *row ? s->text(0) : std::string();
}

}  // namespace grid
