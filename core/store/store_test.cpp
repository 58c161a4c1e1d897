// The store on a real file: what it refuses, what it keeps, and what it does when the file was damaged.
#include "core/store/store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/store/schema.hpp"
#include "core/store/sqlite.hpp"

namespace grid {
namespace {
namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (fs::temp_directory_path() / "grid-store-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "grid.db";
  }
  ~StoreTest() override { fs::remove_all(folder_); }

  Store open() {
    auto store = Store::open(path_);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  // What open() refuses with.
  Error refusal() {
    auto store = Store::open(path_);
    EXPECT_FALSE(store);
    return store ? Error{} : store.error();
  }
  static TaskRecord task(std::int64_t id) {
    TaskRecord record;
    record.id = id;
    record.created_ms = 1000;
    record.task.argv = {"true"};
    return record;
  }
  static Execution running(std::int64_t id) {
    Execution x;
    x.id = {id, 0};
    x.state = ExecutionState::running;
    Attempt a;
    a.state = AttemptState::running;
    a.node = "w1";
    a.run = std::to_string(id) + ".1";
    a.process = ProcessId{42, 4242};
    x.attempts = {a};
    return x;
  }
  static void commit(Store& store, const std::function<Result<>()>& write) {
    ASSERT_TRUE(store.begin());
    const auto done = write();
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_TRUE(store.commit());
  }
  void add(Store& store, const TaskRecord& record, const Execution& x) {
    commit(store, [&]() -> Result<> {
      if (auto done = store.add_task(record); !done) return done;
      return store.save(x, ~0ULL);
    });
  }
  void overwrite(const fs::path& file, std::size_t at, std::size_t count) {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at));
    out << std::string(count, '\x5a');
  }
  fs::path folder_;
  fs::path path_;
};

TEST_F(StoreTest, AFreshOneIsPrivateAndIsFoundAgain) {
  std::string id;
  {
    Store store = open();
    id = store.head_id();
    EXPECT_EQ(id.size(), 16U);
    add(store, task(1), running(1));
  }
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  Store again = open();
  EXPECT_EQ(again.head_id(), id);
  EXPECT_EQ(again.last_task_id(), 1);
  EXPECT_EQ(again.unfinished_tasks().value(), std::vector<std::int64_t>{1});
}

TEST_F(StoreTest, ANewerVersionAndAForeignDatabaseAreRefusedUntouched) {
  { open(); }
  {
    auto raw = Database::open(path_, Database::Mode::read_write);
    ASSERT_TRUE(raw);
    ASSERT_TRUE(raw->execute("PRAGMA user_version=99"));
  }
  EXPECT_NE(refusal().message.find("its format is 99"), std::string::npos);
  fs::remove(path_);
  {
    auto raw = Database::open(path_, Database::Mode::read_write);
    ASSERT_TRUE(raw);
    // Even one with the same version number.
    ASSERT_TRUE(raw->execute("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1); PRAGMA user_version=1"));
  }
  EXPECT_NE(refusal().message.find("other program"), std::string::npos);
  auto raw = Database::open(path_, Database::Mode::read_write);
  EXPECT_EQ(raw->value("PRAGMA journal_mode").value(), "delete");  // not even that was changed
  EXPECT_EQ(raw->value("SELECT count(*) FROM theirs").value(), "1");
}

TEST_F(StoreTest, DamageIsRefusedWithAHintAndNeverStartsEmpty) {
  {
    Store store = open();
    for (int id = 1; id <= 50; ++id) add(store, task(id), running(id));
  }
  const auto bytes = fs::file_size(path_);
  ASSERT_GT(bytes, 8192U);
  fs::copy_file(path_, folder_ / "good");
  const auto again = [&] { fs::copy_file(folder_ / "good", path_, fs::copy_options::overwrite_existing); };

  overwrite(path_, 0, 16);  // the magic
  EXPECT_NE(refusal().hint.find("recover"), std::string::npos);
  for (std::size_t page = 1; page * 4096 < bytes; ++page) {
    again();
    overwrite(path_, page * 4096, 64);
    // A page that holds nothing any more may be damaged unseen; then everything is there.
    if (auto store = Store::open(path_)) {
      EXPECT_EQ(store->unfinished_tasks().value().size(), 50U) << "page " << page;
    } else {
      EXPECT_FALSE(store.error().hint.empty()) << store.error().message;
    }
  }
  again();
  fs::resize_file(path_, 4096);
  if (auto store = Store::open(path_)) ADD_FAILURE() << "a store cut off after its first page was taken";
  fs::resize_file(path_, 0);
  EXPECT_FALSE(refusal().hint.empty());
  fs::remove(path_);
  std::ofstream(path_.string() + "-wal") << "left over";
  EXPECT_FALSE(refusal().hint.empty());
}

TEST_F(StoreTest, AWalThatIsCutOffLosesOnlyWhatWasNotWhole) {
  auto first = std::make_unique<Store>(open());
  add(*first, task(1), running(1));
  add(*first, task(2), running(2));
  const fs::path copy = folder_ / "copy.db";  // as a crash would leave it: the log not folded in
  fs::copy_file(path_, copy);
  fs::copy_file(path_.string() + "-wal", copy.string() + "-wal");
  first.reset();
  const auto whole = fs::file_size(copy.string() + "-wal");
  ASSERT_GT(whole, 0U);
  fs::resize_file(copy.string() + "-wal", whole - 100);
  auto store = Store::open(copy);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->unfinished_tasks().value(), std::vector<std::int64_t>{1});
}

TEST_F(StoreTest, TerminalStatesAreFinal) {
  Store store = open();
  Execution x = running(1);
  add(store, task(1), x);
  Execution ended = x;
  ended.state = ExecutionState::completed;
  ended.attempts[0].state = AttemptState::ended;
  commit(store, [&] { return store.save(ended, 1); });

  ASSERT_TRUE(store.begin());
  const auto back = store.save(x, 0);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::internal);
  Execution other = ended;
  other.state = ExecutionState::failed;
  EXPECT_FALSE(store.save(other, 0));
  store.rollback();

  // An attempt too, while its execution is still open.
  Execution open_one = running(2);
  add(store, task(2), open_one);
  open_one.attempts[0].state = AttemptState::ended;
  commit(store, [&] { return store.save(open_one, 1); });
  open_one.attempts[0].state = AttemptState::running;
  ASSERT_TRUE(store.begin());
  EXPECT_FALSE(store.save(open_one, 1));
  store.rollback();
  EXPECT_EQ(store.executions(2).value()[0].attempts[0].state, AttemptState::ended);
  EXPECT_EQ(store.executions(1).value()[0].state, ExecutionState::completed);
}

TEST_F(StoreTest, TwoLiveAttemptsAreRefusedByTheSchema) {
  Store store = open();
  Execution x = running(1);
  add(store, task(1), x);
  Attempt second = x.attempts[0];
  second.number = 2;
  second.state = AttemptState::starting;
  x.attempts.push_back(second);
  ASSERT_TRUE(store.begin());
  const auto refused = store.save(x, 2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::internal) << refused.error().message;  // a defect, not a full disk
  store.rollback();
  EXPECT_EQ(store.executions(1).value()[0].attempts.size(), 1U);
}

TEST_F(StoreTest, WhatGoesInComesOut) {
  Store store = open();
  TaskRecord record = task(7);
  record.array = 3;
  record.pinned_node = "w1";
  record.task.argv = {"pr\xffog", "a b\n$()", ""};
  record.task.cwd = "/d\xfe";
  record.task.environment = {"A=\xc3\xa4", "B=\x80"};
  record.task.umask = 022;
  record.task.needs = {2.5, 1U << 30U, 1, 0};
  record.task.labels = {"gpu"};
  record.detail = {{"pid", 5}};
  Execution x = running(7);
  x.id.element = 2;
  x.reason = "why";
  x.cancel_requested = true;
  Move move;
  move.target = "w1";
  move.original = Original::stop;
  move.phase = MovePhase::stopping;
  move.members = {{5, 55}, {6, 1ULL << 60U}};
  move.original_gone = true;
  x.move = move;
  Ending ending;
  ending.signal = 9;
  ending.core_dumped = true;
  ending.user_cpu_seconds = 1.5;
  ending.max_rss_bytes = 1ULL << 40U;
  ending.leftovers = 3;
  x.attempts[0].ending = ending;
  x.attempts[0].state = AttemptState::ended;
  add(store, record, x);

  const TaskRecord found = store.task(7).value();
  EXPECT_EQ(found.task.argv, record.task.argv);
  EXPECT_EQ(found.task.cwd, record.task.cwd);
  EXPECT_EQ(found.task.environment, record.task.environment);
  EXPECT_EQ(found.task.umask, record.task.umask);
  EXPECT_EQ(found.task.needs.cpus, 2.5);
  EXPECT_EQ(found.array, 3U);
  EXPECT_EQ(found.detail, record.detail);
  const Execution back = store.executions(7).value().at(0);
  EXPECT_EQ(back.id, x.id);
  EXPECT_TRUE(back.cancel_requested);
  ASSERT_TRUE(back.move);
  EXPECT_EQ(back.move->members, move.members);
  EXPECT_EQ(back.move->phase, MovePhase::stopping);
  EXPECT_TRUE(back.move->original_gone);
  ASSERT_TRUE(back.attempts.at(0).ending);
  EXPECT_EQ(back.attempts[0].ending->signal, 9);
  EXPECT_FALSE(back.attempts[0].ending->code);
  EXPECT_EQ(back.attempts[0].ending->max_rss_bytes, 1ULL << 40U);
  EXPECT_EQ(back.attempts[0].process, x.attempts[0].process);
  EXPECT_EQ(store.task(8).error().code, Code::not_found);
}

TEST_F(StoreTest, RowsThatMakeNoSenseAreAnErrorAndNoCrash) {
  Store store = open();
  Execution x = running(1);
  x.move.emplace();
  add(store, task(1), x);
  auto raw = Database::open(path_, Database::Mode::read_write);
  ASSERT_TRUE(raw->execute("UPDATE execution SET move='{\"members\":[7]}'"));
  EXPECT_EQ(store.executions(1).error().code, Code::storage_failed);
  ASSERT_TRUE(raw->execute("UPDATE execution SET move=NULL, state=77"));
  EXPECT_EQ(store.executions(1).error().code, Code::storage_failed);
}

TEST_F(StoreTest, EventsDecisionsAndMemory) {
  Store store = open();
  commit(store, [&]() -> Result<> {
    for (int i = 1; i <= 5; ++i)
      if (auto done = store.add_event({i, 1000 * i, "kind", i % 2 == 0 ? "7" : "", "text", {{"i", i}}});
          !done)
        return done;
    if (auto done = store.add_decision({0, 2000, {{"a", 1}}}); !done) return done;
    if (auto done = store.set_memory("p", 1, "old"); !done) return done;
    return store.set_memory("p", 2, "new");
  });
  const auto seqs = [](const std::vector<EventRecord>& events) {
    std::vector<std::int64_t> found;
    for (const EventRecord& event : events) found.push_back(event.seq);
    return found;
  };
  EXPECT_EQ(seqs(store.events(2, 10, "").value()), (std::vector<std::int64_t>{3, 4, 5}));
  EXPECT_EQ(seqs(store.events(0, 2, "").value()), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(seqs(store.events(-1, 2, "").value()), (std::vector<std::int64_t>{4, 5}));
  EXPECT_EQ(seqs(store.events(-1, 10, "7").value()), (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(store.decisions(5).value().at(0).scan, Json({{"a", 1}}));
  EXPECT_EQ(store.memory("p").value(), "new");
  EXPECT_EQ(store.memory("q").value(), "");
}

TEST_F(StoreTest, PruningKeepsWhatIsNotFinishedOrYoung) {
  Store store = open();
  for (int id = 1; id <= 3; ++id) {
    Execution x = running(id);
    if (id != 1) x.state = ExecutionState::completed;
    x.ended_ms = id == 2 ? 1500 : 9000;
    x.attempts[0].state = id == 1 ? AttemptState::running : AttemptState::ended;
    add(store, task(id), x);
  }
  commit(store, [&]() -> Result<> {
    if (auto done = store.add_event({1, 1500, "k", "", "", {}}); !done) return done;
    if (auto done = store.add_event({2, 9000, "k", "", "", {}}); !done) return done;
    return store.prune(5000);
  });
  EXPECT_TRUE(store.task(1));   // unfinished
  EXPECT_FALSE(store.task(2));  // finished long ago
  EXPECT_TRUE(store.task(3));   // finished lately
  EXPECT_TRUE(store.executions(2).value().empty());
  EXPECT_EQ(store.events(0, 10, "").value().size(), 1U);
  EXPECT_EQ(open().last_event_seq(), 2);  // numbers are never used again
}

TEST_F(StoreTest, ALoneScanReadsWithoutWriting) {
  EXPECT_FALSE(Store::open_read_only(path_));
  EXPECT_FALSE(fs::exists(path_));
  Store store = open();
  auto reader = Store::open_read_only(path_);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->head_id(), store.head_id());
}

TEST(TaskJson, RefusesWhatIsNoTask) {
  EXPECT_EQ(task_from_json(Json::array()).error().code, Code::usage);
  for (const char* bad : {R"({})", R"({"argv":[]})", R"({"argv":[""]})", R"({"argv":["a\u0000b"]})",
                          R"({"argv":["a"],"cwd":"rel"})", R"({"argv":["a"],"cpus":-1})",
                          R"({"argv":["a"],"cpus":"2"})", R"({"argv":["a"],"umask":4096})",
                          R"({"argv":[{"b64":"!"}]})", R"({"argv":"a"})", R"({"argv":["a"],"labels":[1]})"}) {
    const auto task = task_from_json(parse_json(bad).value());
    EXPECT_FALSE(task) << bad;
    if (!task) {
      EXPECT_EQ(task.error().code, Code::usage) << bad;
    }
  }
}

}  // namespace
}  // namespace grid
