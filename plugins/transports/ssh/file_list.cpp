#include "file_list.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

#include "copies.hpp"

namespace grid::ssh {
namespace {

constexpr std::string_view record_end = "//\n";
constexpr std::size_t longest_record = 64U << 10U;
constexpr std::int64_t second_ns = 1'000'000'000;

std::string_view next_word(std::string_view& text) {
  const auto space = text.find(' ');
  const auto word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return word;
}

template <class T>
bool parse(std::string_view word, T& value, int base = 10) {
  const auto end = word.data() + word.size();
  const auto [at, error] = std::from_chars(word.data(), end, value, base);
  return error == std::errc() && at == end;
}

// The digits behind the seconds in "10:03:30.856302632"; there may be none.
bool parse_fraction(std::string_view clock, std::int64_t& ns) {
  const auto dot = clock.find('.');
  if (dot == std::string_view::npos) return true;
  std::string digits(clock.substr(dot + 1));
  digits.resize(9, '0');
  return parse(digits, ns) && ns >= 0;
}

// The fourth column of `df -Pk`, known by the percent sign after it.
std::optional<std::uint64_t> parse_free(std::string_view line) {
  std::string_view before;
  while (!line.empty()) {
    const auto word = next_word(line);
    if (word.empty()) continue;
    std::uint64_t kib = 0;
    if (word.back() == '%' && parse(before, kib) && kib < UINT64_MAX / 1024) return kib * 1024;
    before = word;
  }
  return std::nullopt;
}

}  // namespace

std::optional<NodeFile> parse_node_file(std::string_view record) {
  NodeFile file;
  std::int64_t seconds = 0;
  std::int64_t ns = 0;
  if (!parse(next_word(record), file.mode, 16) || !parse(next_word(record), file.size) ||
      !parse(next_word(record), seconds)) {
    return std::nullopt;
  }
  next_word(record);  // the date
  if (!parse_fraction(next_word(record), ns)) return std::nullopt;
  next_word(record);  // the zone
  constexpr std::int64_t most = INT64_MAX / second_ns - 1;
  if (seconds > most || seconds < -most) return std::nullopt;
  if (record.substr(0, 2) != "./" || record.size() == 2) return std::nullopt;
  file.mtime_ns = seconds * second_ns + ns;
  file.path = record.substr(2);
  return file;
}

bool FileReader::take_record(std::string_view record) {
  if (complete_) return false;
  if (record.empty()) {
    complete_ = true;
    return true;
  }
  if (record.substr(0, 5) == "free ") {
    free_bytes_ = parse_free(record.substr(5));
    return true;
  }
  auto file = parse_node_file(record);
  if (!file) return false;
  each_(std::move(*file));
  return true;
}

Result<> FileReader::take(std::string_view bytes) {
  rest_ += bytes;
  std::size_t from = 0;
  for (;;) {
    const auto end = rest_.find(record_end, from);
    if (end == std::string::npos) break;
    if (!take_record(std::string_view(rest_).substr(from, end - from))) {
      return fail(Code::storage_failed, "the node's list of files is garbled",
                  "look whether `stat` on the node is coreutils' or busybox's");
    }
    from = end + record_end.size();
  }
  rest_.erase(0, from);
  if (rest_.size() > longest_record) {
    return fail(Code::storage_failed, "the node's list of files has a line without an end");
  }
  return {};
}

tl::unexpected<Error> outside(const std::string& path) {
  return fail(Code::usage, "'" + path + "' is not a path inside the work folder");
}

Result<std::string> inside(const std::string& relative) {
  if (relative.empty() || relative.front() == '/' || relative.find('\0') != std::string::npos) {
    return outside(relative);
  }
  std::string path;
  std::string_view rest = relative;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const auto part = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (part == "..") return outside(relative);
    if (part.empty() || part == ".") continue;
    if (!path.empty()) path += '/';
    path += part;
  }
  if (path.empty()) return outside(relative);
  return path;
}

void add_parents(std::string_view path, std::set<std::string>& folders) {
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    folders.emplace(path.substr(0, slash));
  }
}

bool same_time(std::int64_t a_ns, std::int64_t b_ns) {
  if (a_ns == b_ns) return true;
  const bool whole = a_ns % second_ns == 0 || b_ns % second_ns == 0;
  return whole && a_ns >= 0 && b_ns >= 0 && a_ns / second_ns == b_ns / second_ns;
}

void list_files(Shell& shell, Host&, const std::string& run_folder, Done<std::vector<FileFact>> done) {
  struct Listing {
    std::vector<FileFact> files;
    std::unique_ptr<FileReader> reader;
  };
  auto listing = std::make_shared<Listing>();
  listing->reader = std::make_unique<FileReader>([files = &listing->files](NodeFile file) {
    if (!S_ISREG(file.mode) && !S_ISLNK(file.mode)) return;
    files->push_back(
        {std::move(file.path), file.size, file.mtime_ns, file.mode & 07777U, S_ISLNK(file.mode), {}});
  });
  Request request;
  request.verb = "copy_list";
  request.arguments = {run_folder};
  request.stall = true;
  request.output = [listing](std::string_view bytes) -> Result<> {
    auto taken = listing->reader->take(bytes);
    if (taken && listing->reader->complete()) {
      std::sort(listing->files.begin(), listing->files.end(),
                [](const FileFact& a, const FileFact& b) { return a.path < b.path; });
    }
    return taken;
  };
  shell.ask(std::move(request), [listing, run_folder, done = std::move(done)](Result<Answer> answer) {
    if (!answer) return done(fail(answer.error()));
    if (answer->status == 5) return done(fail(Code::not_found, "no work folder " + run_folder + "/work"));
    const std::string& complaint = answer->complaint;
    if (answer->status != 0 || !listing->reader->complete() ||
        complaint.find("ermission denied") != std::string::npos) {
      return done(fail(Code::storage_failed, "the files in " + run_folder + "/work cannot be listed: " +
                                                 complaint.substr(0, complaint.find('\n'))));
    }
    done(std::move(listing->files));
  });
}

}  // namespace grid::ssh
