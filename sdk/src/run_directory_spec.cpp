#include <cmath>
#include <unordered_set>
#include <utility>

#include "grid/sdk/run_directory.hpp"
#include "run_directory_text.hpp"

namespace grid::run_directory {
namespace {

constexpr std::string_view version_line = "grid-run 2";
constexpr std::string_view last_line = "end";

// As printf's %b reads it, so that a shell decodes a value without starting a program.
void append_value(std::string& out, std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= '!' && byte <= '~' && byte != '\\') {
      out += c;
    } else {
      out += "\\0";
      for (const int shift : {6, 3, 0}) out += static_cast<char>('0' + (byte >> shift & 7));
    }
  }
}

// NUL cannot be part of an argument, a path or a variable, so it is refused here once.
std::optional<std::string> decode_value(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] < '!' || text[i] > '~') return std::nullopt;
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (i + 4 >= text.size() || text[i + 1] != '0') return std::nullopt;
    int byte = 0;
    for (std::size_t digit = i + 2; digit <= i + 4; ++digit) {
      if (text[digit] < '0' || text[digit] > '7') return std::nullopt;
      byte = byte * 8 + (text[digit] - '0');
    }
    if (byte == 0 || byte > 255) return std::nullopt;
    out += static_cast<char>(byte);
    i += 4;
  }
  return out;
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
  if (key == "inherit") return append(spec.inherit);
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

}  // namespace

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
  spec.inherit = run.task.inherit;
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
  for (const auto& name : spec.inherit) line("inherit", name);
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

}  // namespace grid::run_directory
