#include "core/store/sqlite.hpp"

#include <sqlite3.h>

namespace grid {
namespace {

tl::unexpected<Error> failure(sqlite3* database, std::string_view doing) {
  const int code = database != nullptr ? sqlite3_errcode(database) : SQLITE_NOMEM;
  std::string hint;
  if (code == SQLITE_FULL) hint = "free some space on the disk of the state folder";
  if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
    hint = "the state folder must be writable; choose another with GRID_STATE_DIR";
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
    hint = "the store is damaged: keep a copy, then try: sqlite3 grid.db .recover";
  // The schema itself refused what must not be: trying again would not help.
  if (code == SQLITE_CONSTRAINT)
    return fail(Code::internal, std::string(doing) + ": " + sqlite3_errmsg(database));
  const bool passing = code == SQLITE_BUSY || code == SQLITE_FULL || code == SQLITE_IOERR;
  return fail(Code::storage_failed,
              std::string(doing) + ": " + (database != nullptr ? sqlite3_errmsg(database) : "out of memory"),
              std::move(hint), passing);
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Statement& Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}
Statement& Statement::bind(int index, double value) {
  sqlite3_bind_double(statement_.get(), index, value);
  return *this;
}
Statement& Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text(statement_.get(), index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}
Statement& Statement::bind_null(int index) {
  sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Result<std::int64_t> Statement::run() {
  sqlite3* database = sqlite3_db_handle(statement_.get());
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(statement_.get());
  if (code != SQLITE_DONE) {
    auto error = failure(database, "the store refused a change");
    reset();
    return error;
  }
  const std::int64_t changes = sqlite3_changes64(database);
  reset();
  return changes;
}

Result<bool> Statement::row() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    auto error = failure(sqlite3_db_handle(statement_.get()), "cannot read the store");
    reset();
    return error;
  }
  reset();
  return false;
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }
bool Statement::null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return bytes == nullptr
             ? std::string()
             : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
}
std::optional<std::int64_t> Statement::maybe(int column) const {
  return null(column) ? std::nullopt : std::optional(integer(column));
}

Result<Database> Database::open(const std::filesystem::path& path, Mode mode) {
  Database database;
  sqlite3* handle = nullptr;
  const int flags =
      mode == Mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  database.database_.reset(handle);
  if (code != SQLITE_OK) return failure(handle, "cannot open the store " + path.string());
  sqlite3_busy_timeout(handle, 5000);
  return database;
}

Result<> Database::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return failure(database_.get(), "the store refused a command");
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK)
    return failure(database_.get(), "the store refused a statement");
  return Statement(statement);
}

Result<std::string> Database::value(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return fail(statement.error());
  const auto row = statement->row();
  if (!row) return fail(row.error());
  return *row ? statement->text(0) : std::string();
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace grid
