#include "grid/sdk/run_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <span>
#include <unordered_set>

#include "grid/sdk/fd.hpp"

namespace grid::run_directory {
namespace {

constexpr std::string_view version_line = "grid-run 1";
constexpr std::string_view last_line = "end";

void append_value(std::string& out, std::string_view bytes) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= '!' && byte <= '~' && byte != '%') {
      out += c;
    } else {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// NUL cannot be part of an argument, a path or a variable, so it is refused here once.
std::optional<std::string> decode_value(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < '!' || byte > '~') return std::nullopt;
    if (byte != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

template <class Number>
std::optional<Number> decode_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The part of `text` up to `separator`, which is removed with it.
std::string_view take(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  const auto part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

// "0-4999:1 7:2": runs of consecutive numbers of the same attempt, in their order.
std::string encode_elements(const std::vector<RunElement>& elements) {
  std::string out;
  for (std::size_t i = 0; i < elements.size();) {
    std::size_t next = i + 1;
    while (next < elements.size() && elements[next].attempt == elements[i].attempt &&
           elements[next].element == elements[i].element + (next - i)) {
      ++next;
    }
    if (i > 0) out += ' ';
    out += std::to_string(elements[i].element);
    if (next - i > 1) out += '-' + std::to_string(elements[next - 1].element);
    out += ':' + std::to_string(elements[i].attempt);
    i = next;
  }
  return out;
}

constexpr std::size_t most_elements = 10'000'000;  // a bound on what one short line can make us allocate

bool decode_elements(std::string_view text, std::vector<RunElement>& elements) {
  std::unordered_set<std::uint32_t> seen;
  while (!text.empty()) {
    std::string_view range = take(text, ' ');
    std::string_view numbers = take(range, ':');
    const bool several = numbers.find('-') != std::string_view::npos;
    const auto first = decode_number<std::uint32_t>(take(numbers, '-'));
    const auto last = several ? decode_number<std::uint32_t>(numbers) : first;
    const auto attempt = decode_number<std::uint32_t>(range);
    if (!first || !last || !attempt || *last < *first || *attempt == 0) return false;
    if (std::uint64_t{*last} - *first + 1 + elements.size() > most_elements) return false;
    for (std::uint64_t n = *first; n <= *last; ++n) {
      const auto element = static_cast<std::uint32_t>(n);
      if (!seen.insert(element).second) return false;
      elements.push_back({element, *attempt});
    }
  }
  return !elements.empty();
}

// Fills `spec` from one line; false when the line does not hold. `once` marks what may stand only once.
bool decode_line(std::string_view line, Spec& spec, std::uint32_t& once) {
  const bool has_value = line.find(' ') != std::string_view::npos;
  const std::string_view key = take(line, ' ');
  const auto first_time = [&](int bit) { return (std::exchange(once, once | 1U << bit) & 1U << bit) == 0; };
  const auto keep = [&](std::string& to) {
    auto value = decode_value(line);
    if (value) to = std::move(*value);
    return value.has_value();
  };
  const auto append = [&](std::vector<std::string>& to) {
    to.emplace_back();
    return keep(to.back());
  };
  if (!has_value) return false;
  if (key == "arg") return append(spec.argv);
  if (key == "env") return append(spec.environment);
  if (key == "nonce") return first_time(0) && keep(spec.nonce);
  if (key == "cookie") return first_time(1) && keep(spec.cookie);
  if (key == "execution") return first_time(2) && keep(spec.execution);
  if (key == "elements") return first_time(3) && decode_elements(line, spec.elements);
  if (key == "array") {
    spec.array = line == "yes";
    return first_time(4) && (spec.array || line == "no");
  }
  if (key == "slots") {
    spec.slots = decode_number<std::uint32_t>(line).value_or(0);
    return first_time(5) && spec.slots > 0;
  }
  if (key == "grace_ms") {
    const auto value = decode_number<std::uint32_t>(line);
    spec.grace_seconds = value.value_or(0) / 1000.0;
    return first_time(6) && value;
  }
  if (key == "cwd") return first_time(7) && keep(spec.cwd);
  if (key == "stdin") return first_time(8) && keep(spec.stdin_path);
  if (key == "umask") {
    spec.umask = decode_number<std::uint32_t>(line);
    return first_time(9) && spec.umask && *spec.umask <= 0777;
  }
  return false;
}
constexpr std::uint32_t required_lines = 0x7F;  // nonce … grace_ms

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
  ending.user_cpu_seconds = static_cast<double>(fields.number<std::uint64_t>("user_us")) / micro;
  ending.system_cpu_seconds = static_cast<double>(fields.number<std::uint64_t>("system_us")) / micro;
  ending.max_rss_bytes = fields.number<std::uint64_t>("max_rss_bytes");
  ending.stdout_bytes = fields.number<std::uint64_t>("stdout");
  ending.stderr_bytes = fields.number<std::uint64_t>("stderr");
  ending.leftovers = fields.number<std::uint32_t>("leftovers");
  return ending;
}

std::string read_proc(pid_t pid, const char* name, std::size_t limit) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/%s", static_cast<int>(pid), name);
  const Fd fd(::open(path.data(), O_RDONLY | O_CLOEXEC));
  std::string out;
  while (fd && out.size() < limit) {
    std::array<char, 4096> buffer;
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
    if (limit <= buffer.size()) break;
  }
  return out;
}

}  // namespace

std::string log_name(std::uint32_t element, Stream stream) {
  return std::to_string(element) + (stream == Stream::out ? ".out" : ".err");
}

std::string slot_log_name(std::uint32_t slot, Stream stream) { return "slot" + log_name(slot, stream); }

bool is_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 128 || name.front() == '.') return false;
  for (const char c : name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
    if (!good) return false;
  }
  return true;
}

Result<std::filesystem::path> path_of(const std::filesystem::path& root, const Run& run,
                                      std::string_view machine_id) {
  for (const std::string_view part :
       {std::string_view(run.head_id), machine_id, std::string_view(run.name)}) {
    if (!is_name(part))
      return fail(Code::usage, "'" + std::string(part) + "' cannot be part of a run directory's path");
  }
  return root / run.head_id / machine_id / run.name;
}

std::filesystem::path default_root() { return "/var/tmp/grid-" + std::to_string(::geteuid()); }

Result<> claim_root(const std::filesystem::path& root) {
  const std::string shown = "run root " + root.string();
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Code::storage_failed, shown + " cannot be made: " + std::strerror(errno));
  }
  struct stat facts {};
  if (::lstat(root.c_str(), &facts) != 0)
    return fail(Code::storage_failed, shown + ": " + std::strerror(errno));
  if (S_ISLNK(facts.st_mode)) {
    return fail(Code::policy_denied, shown + " is a symbolic link", "remove it: rm " + root.string());
  }
  if (!S_ISDIR(facts.st_mode)) {
    return fail(Code::policy_denied, shown + " is not a folder",
                "move it away, or configure another run root");
  }
  if (facts.st_uid != ::geteuid()) {
    return fail(Code::policy_denied,
                shown + " belongs to somebody else (uid " + std::to_string(facts.st_uid) + ")",
                "configure a run root of your own");
  }
  if ((facts.st_mode & 07777) != 0700) {
    return fail(Code::policy_denied, shown + " is open to others or has a mode other than 0700",
                "look whether anybody put something there, then: chmod 0700 " + root.string());
  }
  return {};
}

Spec make_spec(const RunSpec& run, std::string cookie) {
  Spec spec;
  spec.nonce = run.nonce;
  spec.cookie = std::move(cookie);
  spec.execution = run.execution;
  spec.array = run.array;
  spec.elements = run.elements;
  spec.slots = run.slots;
  spec.argv = run.task.argv;
  if (!run.work_folder) spec.cwd = run.task.cwd;
  spec.environment = run.task.environment;
  spec.stdin_path = run.task.stdin_path;
  spec.umask = run.task.umask;
  spec.grace_seconds = run.task.grace_seconds;
  return spec;
}

std::string encode(const Spec& spec) {
  std::string out;
  const auto line = [&](std::string_view key, std::string_view value) {
    out += key;
    out += ' ';
    append_value(out, value);
    out += '\n';
  };
  out += std::string(version_line) + '\n';
  line("nonce", spec.nonce);
  line("cookie", spec.cookie);
  line("execution", spec.execution);
  line("array", spec.array ? "yes" : "no");
  out += "elements " + encode_elements(spec.elements) + '\n';
  line("slots", std::to_string(spec.slots));
  line("grace_ms", std::to_string(std::llround(spec.grace_seconds * 1000)));
  if (!spec.cwd.empty()) line("cwd", spec.cwd);
  if (!spec.stdin_path.empty()) line("stdin", spec.stdin_path);
  if (spec.umask) line("umask", std::to_string(*spec.umask));
  for (const auto& argument : spec.argv) line("arg", argument);
  for (const auto& variable : spec.environment) line("env", variable);
  out += std::string(last_line) + '\n';
  return out;
}

Result<Spec> decode_spec(std::string_view text) {
  const auto bad = [](std::size_t line, const std::string& what) {
    return fail(Code::usage, "run spec, line " + std::to_string(line) + ": " + what);
  };
  if (text.empty() || text.back() != '\n' || take(text, '\n') != version_line) {
    return bad(1, "not '" + std::string(version_line) + "'");
  }
  Spec spec;
  std::uint32_t once = 0;
  std::size_t number = 2;
  for (; !text.empty(); ++number) {
    const std::string_view line = take(text, '\n');
    if (line == last_line && text.empty()) {
      if ((once & required_lines) != required_lines || spec.argv.empty())
        return bad(number, "something is missing");
      return spec;
    }
    if (!decode_line(line, spec, once)) return bad(number, "not understood");
  }
  return bad(number, "it has no end");
}

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
    put("started element=%u attempt=%u pid=%d start=%llu slot=%u\n", started->element, started->attempt,
        started->process.pid, static_cast<unsigned long long>(started->process.start_ticks), started->slot);
  } else if (const auto* exited = std::get_if<ExitedRecord>(&record)) {
    const Ending& ending = exited->ending;
    put("exited element=%u attempt=%u", exited->element, exited->attempt);
    if (ending.code) put(" code=%d", *ending.code);
    if (ending.signal) put(" signal=%d", *ending.signal);
    if (ending.error) put(" error=%d", *ending.error);
    put(" core=%d user_us=%lld system_us=%lld max_rss_bytes=%llu stdout=%llu stderr=%llu leftovers=%u\n",
        ending.core_dumped ? 1 : 0, std::llround(ending.user_cpu_seconds * micro),
        std::llround(ending.system_cpu_seconds * micro),
        static_cast<unsigned long long>(ending.max_rss_bytes),
        static_cast<unsigned long long>(ending.stdout_bytes),
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
    started.slot = fields.number<std::uint32_t>("slot");
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

std::string boot_id() {
  std::array<char, 64> buffer;
  const Fd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  const ssize_t n = fd ? ::read(fd.get(), buffer.data(), buffer.size()) : 0;
  std::string_view text(buffer.data(), static_cast<std::size_t>(n > 0 ? n : 0));
  return std::string(take(text, '\n'));
}

std::optional<ProcessFacts> process_facts(pid_t pid) {
  const std::string stat = read_proc(pid, "stat", 2048);
  const auto name_end = stat.rfind(')');  // the name may hold anything, ')' and newlines too
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return std::nullopt;
  std::string_view rest = std::string_view(stat).substr(name_end + 2);
  ProcessFacts facts;
  facts.id.pid = pid;
  facts.state = rest.front();
  take(rest, ' ');
  facts.parent = decode_number<std::int32_t>(take(rest, ' ')).value_or(0);
  facts.group = decode_number<std::int32_t>(take(rest, ' ')).value_or(0);
  facts.session = decode_number<std::int32_t>(take(rest, ' ')).value_or(0);
  for (int field = 7; field < 22; ++field) take(rest, ' ');
  const auto start = decode_number<std::uint64_t>(take(rest, ' '));
  if (!start) return std::nullopt;
  facts.id.start_ticks = *start;
  return facts;
}

std::string process_environment(pid_t pid) { return read_proc(pid, "environ", 4U << 20U); }

bool environment_holds(std::string_view environment, std::string_view entry) noexcept {
  while (!environment.empty()) {
    if (take(environment, '\0') == entry) return true;
  }
  return false;
}

bool send_signal(const ProcessId& process, int signal) noexcept {
  const Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd) return false;
  const auto facts = process_facts(process.pid);  // read while the descriptor is held: it is this one or none
  if (!facts || facts->id != process) {
    errno = ESRCH;
    return false;
  }
  return ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0) == 0;
}

}  // namespace grid::run_directory
