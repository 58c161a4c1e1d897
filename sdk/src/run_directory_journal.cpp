#include <array>
#include <cmath>
#include <cstdio>
#include <span>
#include <utility>

#include "grid/sdk/run_directory.hpp"
#include "run_directory_text.hpp"

namespace grid::run_directory {
namespace {

// The `key=number` fields of one journal line, each read once; left() tells whether any was not asked for.
class Fields {
 public:
  explicit Fields(std::string_view text) {
    while (!text.empty()) {
      std::string_view field = take(text, ' ');
      const std::string_view key = take(field, '=');
      if (count_ == fields_.size()) {
        good_ = false;
        return;
      }
      fields_[count_++] = {key, field};
    }
  }
  std::optional<std::string_view> text(std::string_view key) {
    for (auto& [name, value] : std::span(fields_).first(count_)) {
      if (name != key) continue;
      name = {};
      ++used_;
      return value;
    }
    return std::nullopt;
  }
  template <class Number>
  std::optional<Number> optional(std::string_view key) {
    const auto value = text(key);
    if (!value) return std::nullopt;
    const auto number = decode_number<Number>(*value);
    if (!number) good_ = false;
    return number;
  }
  template <class Number>
  Number number(std::string_view key) {
    const auto value = optional<Number>(key);
    if (!value) good_ = false;
    return value.value_or(Number{});
  }
  // Every field asked for was there and well-formed, and there was no other one.
  [[nodiscard]] bool good() const { return good_ && used_ == count_; }

 private:
  std::array<std::pair<std::string_view, std::string_view>, 16> fields_;
  std::size_t count_ = 0;
  std::size_t used_ = 0;
  bool good_ = true;
};

constexpr double micro = 1e6;

Ending decode_ending(Fields& fields) {
  Ending ending;
  ending.code = fields.optional<int>("code");
  ending.signal = fields.optional<int>("signal");
  ending.error = fields.optional<int>("error");
  ending.core_dumped = fields.number<std::uint32_t>("core") != 0;
  ending.fenced = fields.optional<std::uint32_t>("fenced").value_or(0) != 0;
  if (const auto us = fields.optional<std::uint64_t>("user_us"))
    ending.user_cpu_seconds = static_cast<double>(*us) / micro;
  if (const auto us = fields.optional<std::uint64_t>("system_us"))
    ending.system_cpu_seconds = static_cast<double>(*us) / micro;
  ending.max_rss_bytes = fields.optional<std::uint64_t>("max_rss_bytes");
  ending.stdout_bytes = fields.number<std::uint64_t>("stdout");
  ending.stderr_bytes = fields.number<std::uint64_t>("stderr");
  ending.leftovers = fields.number<std::uint32_t>("leftovers");
  return ending;
}

}  // namespace

std::string encode(const Record& record) {
  std::array<char, 512> line;
  int n = 0;
  const auto put = [&](const char* format, auto... values) {
    n += std::snprintf(line.data() + n, line.size() - static_cast<std::size_t>(n), format, values...);
  };
  if (const auto* shim = std::get_if<ShimRecord>(&record)) {
    put("shim pid=%d start=%llu boot=%.64s\n", shim->process.pid,
        static_cast<unsigned long long>(shim->process.start_ticks), shim->boot_id.c_str());
  } else if (const auto* started = std::get_if<StartedRecord>(&record)) {
    put("started element=%u attempt=%u pid=%d start=%llu", started->element, started->attempt,
        started->process.pid, static_cast<unsigned long long>(started->process.start_ticks));
    if (started->slot) put(" slot=%u", *started->slot);
    put("\n");
  } else if (const auto* exited = std::get_if<ExitedRecord>(&record)) {
    const Ending& ending = exited->ending;
    put("exited element=%u attempt=%u", exited->element, exited->attempt);
    if (ending.code) put(" code=%d", *ending.code);
    if (ending.signal) put(" signal=%d", *ending.signal);
    if (ending.error) put(" error=%d", *ending.error);
    put(" core=%d", ending.core_dumped ? 1 : 0);
    if (ending.fenced) put(" fenced=1");
    if (ending.user_cpu_seconds) put(" user_us=%lld", std::llround(*ending.user_cpu_seconds * micro));
    if (ending.system_cpu_seconds) put(" system_us=%lld", std::llround(*ending.system_cpu_seconds * micro));
    if (ending.max_rss_bytes)
      put(" max_rss_bytes=%llu", static_cast<unsigned long long>(*ending.max_rss_bytes));
    put(" stdout=%llu stderr=%llu leftovers=%u\n", static_cast<unsigned long long>(ending.stdout_bytes),
        static_cast<unsigned long long>(ending.stderr_bytes), ending.leftovers);
  } else {
    put("%s", std::holds_alternative<FinishedRecord>(record) ? "finished\n" : "shut\n");
  }
  return {line.data(), static_cast<std::size_t>(n)};
}

Result<Record> decode_record(std::string_view line) {
  const std::string_view whole = line;
  const std::string_view kind = take(line, ' ');
  Fields fields(line);
  Record record = FinishedRecord{};
  bool good = true;
  if (kind == "shim") {
    ShimRecord shim;
    shim.process = {fields.number<std::int32_t>("pid"), fields.number<std::uint64_t>("start")};
    shim.boot_id = fields.text("boot").value_or("");
    good = is_name(shim.boot_id) && shim.boot_id.size() <= 64 && shim.process.pid > 0;
    record = std::move(shim);
  } else if (kind == "started") {
    StartedRecord started;
    started.element = fields.number<std::uint32_t>("element");
    started.attempt = fields.number<std::uint32_t>("attempt");
    started.process = {fields.number<std::int32_t>("pid"), fields.number<std::uint64_t>("start")};
    started.slot = fields.optional<std::uint32_t>("slot");
    good = started.process.pid > 0;
    record = started;
  } else if (kind == "exited") {
    ExitedRecord exited;
    exited.element = fields.number<std::uint32_t>("element");
    exited.attempt = fields.number<std::uint32_t>("attempt");
    exited.ending = decode_ending(fields);
    const auto& ending = exited.ending;
    good = int{ending.code.has_value()} + int{ending.signal.has_value()} + int{ending.error.has_value()} == 1;
    record = exited;
  } else if (kind == "shut") {
    record = ShutRecord{};
  } else {
    good = kind == "finished";
  }
  if (!good || !fields.good()) {
    return fail(Code::usage, "'" + std::string(whole.substr(0, 200)) + "' is no record of a run journal");
  }
  return record;
}

Result<std::size_t> decode_journal(std::string_view text, std::vector<Record>& records) {
  std::size_t used = 0;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', used)) {
    auto record = decode_record(text.substr(used, end - used));
    if (!record) return fail(record.error());
    records.push_back(std::move(*record));
    used = end + 1;
  }
  return used;
}

}  // namespace grid::run_directory
