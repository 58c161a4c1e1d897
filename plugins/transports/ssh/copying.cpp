#include "copying.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "sha256.hpp"

namespace grid::ssh {
namespace {

constexpr std::chrono::milliseconds progress_interval{200};
constexpr std::chrono::minutes disk_deadline{5};  // for a checksum of 64 MiB on a slow or busy disk
constexpr std::size_t sum_digits = 64;

std::string body_of(const std::vector<std::string>& names) {
  std::string body;
  for (const std::string& name : names) {
    body += "./";
    body += name;
    body += '\0';
  }
  return body;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// Compares what the node prints with what `own` finds, on the node's thread.
std::function<Result<>(std::string_view)> compared(std::shared_ptr<bool> same,
                                                   std::function<Result<std::string>()> own) {
  return [text = std::string(), same = std::move(same),
          own = std::move(own)](std::string_view bytes) mutable -> Result<> {
    const bool known = text.size() >= sum_digits;
    text += bytes;
    if (known || text.size() < sum_digits) return {};
    const auto sum = own();
    if (!sum) return fail(sum.error());
    *same = text.compare(0, sum_digits, *sum) == 0;
    return {};
  };
}

}  // namespace

std::string part_name(const std::string& key) { return ".grid-part-" + sha256(key).substr(0, 32); }

Copying::Copying(Shell& shell, Host& host, std::string run_folder, Progress progress, Done<> done)
    : shell_(shell),
      host_(host),
      run_folder_(std::move(run_folder)),
      progress_(std::move(progress)),
      done_(std::move(done)) {}

void Copying::ask(Request request, Then then) {
  const auto self = shared_from_this();
  if (request.next_piece) {
    request.next_piece = [self, piece = std::move(request.next_piece)](std::size_t most) {
      return piece(most);
    };
  }
  if (request.output) {
    request.output = [self, take = std::move(request.output)](std::string_view bytes) { return take(bytes); };
  }
  shell_.ask(std::move(request), [self, then = std::move(then)](Result<Answer> answer) {
    if (!answer) return self->finish(fail(answer.error()));
    then(*answer);
  });
}

void Copying::demand(Request request, const std::string& what, Then then) {
  ask(std::move(request), [this, what, then = std::move(then)](const Answer& answer) {
    if (answer.status != 0) return finish(trouble(answer, what));
    then(answer);
  });
}

Request Copying::request(std::string verb, std::vector<std::string> arguments) const {
  Request request;
  request.verb = std::move(verb);
  request.arguments = std::move(arguments);
  request.arguments.insert(request.arguments.begin(), run_folder_);
  request.stall = true;
  return request;
}

Request Copying::named(std::string verb, const Names& names) const {
  Request made = request(std::move(verb));
  made.body = body_of(names);
  return made;
}

void Copying::survey(const Names& names, std::function<Result<>()> before, std::function<void()> then) {
  std::set<std::string> folders;
  for (const std::string& name : names) add_parents(name, folders);
  Names all(folders.begin(), folders.end());
  all.insert(all.end(), names.begin(), names.end());
  node_.clear();
  auto reader = std::make_shared<FileReader>([this](NodeFile file) {
    std::string path = file.path;
    node_.insert_or_assign(std::move(path), std::move(file));
  });
  Request facts = request("copy_facts");
  // The first piece comes after the head's own look: both are then done with in one round trip.
  auto body = std::make_shared<std::string>(body_of(all));
  facts.body_bytes = body->size();
  facts.next_piece = [body, before = std::move(before),
                      at = std::size_t{0}](std::size_t most) mutable -> Result<std::string> {
    if (at == 0) {
      if (const auto looked = before(); !looked) return fail(looked.error());
    }
    std::string piece = body->substr(at, most);
    at += piece.size();
    return piece;
  };
  facts.output = [reader](std::string_view bytes) { return reader->take(bytes); };
  demand(std::move(facts), "the files", [this, reader, then = std::move(then)](const Answer& answer) {
    if (!reader->complete()) return finish(trouble(answer, "the files"));
    free_bytes_ = reader->free_bytes();
    then();
  });
}

void Copying::on_disk(std::function<Result<>()> job, std::function<void()> then) {
  Request turn = request("copy_nothing");
  turn.body_bytes = 1;
  turn.next_piece = [job = std::move(job)](std::size_t) -> Result<std::string> {
    if (const auto worked = job(); !worked) return fail(worked.error());
    return std::string("\n");
  };
  ask(std::move(turn), [then = std::move(then)](const Answer&) { then(); });
}

void Copying::compare(const std::string& name, const std::filesystem::path& path, std::uint64_t bytes,
                      std::function<void(std::uint64_t)> then, std::uint64_t same) {
  if (same >= bytes) return then(bytes);
  const std::uint64_t length = std::min(bytes - same, slice_mib * mib);
  Request slice =
      request("copy_slice", {name, std::to_string(same / mib), std::to_string((length + mib - 1) / mib)});
  slice.stall = false;
  slice.deadline = disk_deadline;
  auto equal = std::make_shared<bool>(false);
  slice.output = compared(equal, [path, same, length] { return slice_sum(path, same, length); });
  ask(std::move(slice),
      [this, name, path, bytes, then = std::move(then), same, length, equal](const Answer&) {
        if (!*equal) return then(same);
        compare(name, path, bytes, then, same + length);
      });
}

void Copying::compare_all(const Names& names, const std::vector<std::filesystem::path>& paths,
                          std::function<void(bool)> then) {
  Request digest = named("copy_digest", names);
  digest.stall = false;
  digest.deadline = disk_deadline;
  auto equal = std::make_shared<bool>(false);
  digest.output = compared(equal, [paths]() -> Result<std::string> {
    Sha256 sum;
    std::string bytes;
    for (const auto& path : paths) {
      const auto facts = look(path);
      if (!facts) continue;
      const auto file = open_source(path, *facts, 0);
      if (!file) return fail(file.error());
      for (std::size_t n = 1; n > 0;) {
        bytes.clear();
        const auto read = read_some(*file, path, mib, bytes);
        if (!read) return fail(read.error());
        n = *read;
        sum.update(bytes);
      }
    }
    return sum.hex();
  });
  ask(std::move(digest), [equal, then = std::move(then)](const Answer&) { then(*equal); });
}

void Copying::check_there(const std::vector<Twin>& twins) {
  std::vector<Twin> small;
  std::uint64_t bytes = 0;
  std::size_t name_bytes = 0;
  const auto flush = [&] {
    if (!small.empty()) {
      later([this, batch = std::exchange(small, {})] {
        Names names;
        std::vector<std::filesystem::path> paths;
        for (const Twin& twin : batch) {
          names.push_back(twin.name);
          paths.push_back(twin.path);
        }
        compare_all(names, paths, [this, batch](bool same) {
          for (const Twin& twin : batch) *twin.there = same;
          next();
        });
      });
    }
    bytes = name_bytes = 0;
  };
  for (const Twin& twin : twins) {
    if (twin.bytes >= large_bytes) {
      later([this, twin] {
        compare("./" + twin.name, twin.path, twin.bytes, [this, twin](std::uint64_t same) {
          *twin.there = same == twin.bytes;
          next();
        });
      });
      continue;
    }
    small.push_back(twin);
    bytes += twin.bytes;
    name_bytes += twin.name.size();
    if (bytes >= batch_bytes || small.size() >= batch_files || name_bytes >= batch_name_bytes) flush();
  }
  flush();
}

bool Copying::linked(const std::string& path) const {
  std::set<std::string> folders;
  add_parents(path, folders);
  return std::any_of(folders.begin(), folders.end(), [this](const std::string& folder) {
    const auto found = node_.find(folder);
    return found != node_.end() && S_ISLNK(found->second.mode);
  });
}

void Copying::next() {
  if (steps_.empty()) return finish({});
  auto step = std::move(steps_.front());
  steps_.pop_front();
  step();
}

void Copying::finish(Result<> result) {
  steps_.clear();
  if (!done_) return;
  const Progress progress = std::exchange(progress_, nullptr);
  if (result && progress) progress(bytes_done_);
  std::exchange(done_, nullptr)(std::move(result));
}

void Copying::differs(const std::string& what) {
  if (again_) {
    return finish(fail(Code::storage_failed, what + " differs from its copy by checksum, twice",
                       "look whether something writes to it; else for damaged disks or memory on either side",
                       true));
  }
  again_ = true;
  bytes_done_ = 0;
  steps_.clear();
  start();
}

tl::unexpected<Error> Copying::trouble(const Answer& answer, const std::string& what) const {
  const std::string why = answer.complaint.substr(0, answer.complaint.find('\n'));
  switch (answer.status) {
    case 4:
      return fail(Code::usage, what + " would be written through the symbolic link '" + why + "' on the node",
                  "remove the link, or name another path");
    case 5:
      return fail(Code::not_found, "no work folder " + run_folder_ + "/work");
    case 6:
      return fail(Code::storage_failed, what + " cannot take its place on the node: " + why);
    default:
      break;
  }
  if (holds(answer.complaint, "No space left") || holds(answer.complaint, "uota exceeded")) {
    return fail(Code::storage_failed, "no space left on the node in " + run_folder_ + " for " + what,
                "free some space there, or give the node another `run_root`", true);
  }
  // What the file's modes forbid they forbid again: whoever repeats it would do so for ever.
  const bool forbidden = holds(answer.complaint, "ermission denied");
  return fail(Code::storage_failed,
              what + " cannot be copied: " +
                  (why.empty() ? "the node's shell ended with status " + std::to_string(answer.status) : why),
              {}, !forbidden);
}

void Copying::moved(std::uint64_t bytes) {
  bytes_done_ += bytes;
  const auto now = host_.now().monotonic;
  if (now - told_ < progress_interval) return;
  told_ = now;
  host_.post([weak = weak_from_this(), done = bytes_done_] {
    const auto self = weak.lock();
    if (self && self->progress_) self->progress_(done);
  });
}

}  // namespace grid::ssh
