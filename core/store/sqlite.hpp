// SQLite, as little of it as the store needs. Errors are storage_failed with SQLite's text. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "grid/sdk/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace grid {

class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  // Parameters count from 1. A text must live until run() or the last row().
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_null(int index);
  template <class T>
  Statement& bind(int index, const std::optional<T>& value) {
    using Kept = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;
    return value ? bind(index, static_cast<Kept>(*value)) : bind_null(index);
  }

  // Runs to the end and resets. The number of rows changed.
  Result<std::int64_t> run();
  // True while there is a row; resets after the last one.
  Result<bool> row();
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] bool null(int column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Mode { read_write, read_only };
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& path, Mode mode);
  Result<> execute(const char* sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  // A pragma's or a query's single value.
  [[nodiscard]] Result<std::string> value(std::string_view sql);
  [[nodiscard]] bool in_transaction() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace grid
