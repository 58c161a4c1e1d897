// The tables. A change raises schema_version and adds a migration in store.cpp.
#pragma once

namespace grid {

inline constexpr int schema_version = 1;
inline constexpr int application_id = 0x67726964;  // "grid"

// States are numbers: ExecutionState and AttemptState. Times are milliseconds of the wall clock; ids count
// up.
inline constexpr const char* schema_sql = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE task(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created_ms INTEGER NOT NULL, array INTEGER, move INTEGER NOT NULL, pinned_node TEXT NOT NULL,
  spec TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE execution(
  task INTEGER NOT NULL REFERENCES task(id) ON DELETE CASCADE, element INTEGER NOT NULL,
  state INTEGER NOT NULL, cancel INTEGER NOT NULL, reason TEXT NOT NULL,
  started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, move TEXT,
  PRIMARY KEY(task, element)) WITHOUT ROWID;
CREATE INDEX unfinished ON execution(task) WHERE state < 2;
CREATE TABLE attempt(
  task INTEGER NOT NULL, element INTEGER NOT NULL, number INTEGER NOT NULL,
  kind INTEGER NOT NULL, state INTEGER NOT NULL, node TEXT NOT NULL, run TEXT NOT NULL,
  pid INTEGER, start_ticks INTEGER, code INTEGER, signal INTEGER, error INTEGER, core INTEGER,
  user_cpu REAL, system_cpu REAL, max_rss INTEGER, stdout INTEGER, stderr INTEGER, leftovers INTEGER,
  reason TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,
  PRIMARY KEY(task, element, number),
  FOREIGN KEY(task, element) REFERENCES execution(task, element) ON DELETE CASCADE) WITHOUT ROWID;
-- The promise of the whole project, kept by the store itself: no execution has two live attempts.
CREATE UNIQUE INDEX one_live_attempt ON attempt(task, element) WHERE state IN (1, 2);
CREATE TABLE run(
  name TEXT NOT NULL, node TEXT NOT NULL, task INTEGER NOT NULL, nonce TEXT NOT NULL,
  PRIMARY KEY(name)) WITHOUT ROWID;
CREATE TABLE event(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
  text TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX event_subject ON event(subject);
CREATE TABLE decision(seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, scan TEXT NOT NULL);
CREATE TABLE memory(policy TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, memory TEXT NOT NULL) WITHOUT ROWID;
)sql";

}  // namespace grid
