#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "arrivals.hpp"
#include "copying.hpp"

namespace grid::ssh {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_named = 10;

struct Item {
  std::string from;  // in the work folder
  fs::path to;       // on the head
  fs::path part;
  std::optional<DiskFile> old;  // what is at `to`
  std::uint64_t part_bytes = 0;
  NodeFile facts;
  bool there = false;  // complete on the head
};

// How many of the folders above `to` are the same as those above `from`: they come from the node, and a link
// among them may be the task's. Those above are the head's own affair.
std::size_t common_folders(const fs::path& from, const fs::path& to) {
  const fs::path a = from.parent_path();
  const fs::path b = to.parent_path();
  auto i = a.end();
  auto j = b.end();
  std::size_t depth = 0;
  while (i != a.begin() && j != b.begin() && *--i == *--j) ++depth;
  return depth;
}

std::string named_briefly(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most_named); ++i) {
    text += (i > 0 ? ", '" : "'") + names[i] + "'";
  }
  if (names.size() > most_named) text += " and " + std::to_string(names.size() - most_named) + " more";
  return text;
}

class CopyOut final : public Copying {
 public:
  CopyOut(Shell& shell, Host& host, std::string run_folder, std::vector<FileCopy> files, Progress progress,
          Done<> done)
      : Copying(shell, host, std::move(run_folder), std::move(progress), std::move(done)),
        files_(std::move(files)) {}

  void start() override;

 private:
  using Items = std::vector<Item*>;

  void look_at_targets();
  void plan();
  // Why it does not arrive; nothing: it will.
  [[nodiscard]] std::optional<Error> take_facts(Item& item);
  void check_there();
  void plan_transfers();
  void fetch_links();
  void fetch_batch(const Items& batch);
  void fetch_large(Item& item);
  void receive(Request request, std::vector<Arrivals::File> files, const std::string& what);
  [[nodiscard]] static Arrivals::File arrival(const Item& item, std::uint64_t offset);
  void conclude();

  std::vector<FileCopy> files_;
  std::vector<Item> items_;
  Items links_, folders_;
  std::vector<std::string> missing_;
  std::vector<Error> refused_;
};

void CopyOut::start() {
  items_.clear();
  links_.clear();
  folders_.clear();
  missing_.clear();
  refused_.clear();
  Names names;
  for (const FileCopy& file : files_) {
    auto from = inside(file.from);
    if (!from) {
      refused_.push_back(from.error());
      continue;
    }
    Item item;
    item.from = *from;
    item.to = file.to;
    item.part = item.to.parent_path() / part_name(run_folder_ + '\0' + item.from);
    names.push_back(std::move(*from));
    items_.push_back(std::move(item));
  }
  survey(
      names,
      [this]() -> Result<> {
        look_at_targets();
        return {};
      },
      [this] { plan(); });
}

void CopyOut::look_at_targets() {
  std::vector<Item> good;
  for (Item& item : items_) {
    const auto link = link_above(item.to, common_folders(item.from, item.to));
    if (!link.empty()) {
      refused_.push_back(
          fail(Code::usage, item.to.string() + " would be written through the symbolic link " + link.string(),
               "remove the link, or name another path")
              .value());
      continue;
    }
    item.old = look(item.to);
    if (const auto part = look(item.part); part && S_ISREG(part->mode)) item.part_bytes = part->size;
    good.push_back(std::move(item));
  }
  items_ = std::move(good);
}

std::optional<Error> CopyOut::take_facts(Item& item) {
  if (linked(item.from)) return outside(item.from).value();
  const auto found = node_.find(item.from);
  if (found == node_.end()) return fail(Code::not_found, item.from).value();
  item.facts = found->second;
  const auto type = item.facts.mode & S_IFMT;
  if (type == S_IFREG || type == S_IFLNK || type == S_IFDIR) return std::nullopt;
  return fail(Code::usage, "'" + item.from + "' is neither a file, a folder nor a symbolic link").value();
}

void CopyOut::plan() {
  for (Item& item : items_) {
    const auto error = take_facts(item);
    if (!error) continue;
    item.facts.mode = 0;
    if (error->code == Code::not_found)
      missing_.push_back(item.from);
    else
      refused_.push_back(*error);
  }
  for (Item& item : items_) {
    if (S_ISDIR(item.facts.mode)) folders_.push_back(&item);
    if (S_ISLNK(item.facts.mode)) links_.push_back(&item);
  }
  if (!folders_.empty()) {
    later([this] {
      on_disk(
          [this]() -> Result<> {
            for (const Item* folder : folders_) {
              if (auto made = make_folders(folder->to); !made) return made;
            }
            return {};
          },
          [this] { next(); });
    });
  }
  check_there();
  later([this] { plan_transfers(); });
  next();
}

// Files that look as if they were there are compared.
void CopyOut::check_there() {
  std::vector<Twin> twins;
  for (Item& item : items_)
    if (S_ISREG(item.facts.mode) && item.old && item.old->mode == item.facts.mode &&
        item.old->size == item.facts.size && same_time(item.old->mtime_ns, item.facts.mtime_ns))
      twins.push_back({item.from, item.to, item.facts.size, &item.there});
  Copying::check_there(twins);
}

void CopyOut::plan_transfers() {
  Items batch;
  std::uint64_t bytes = 0;
  const auto flush = [&] {
    if (!batch.empty()) later([this, items = std::exchange(batch, {})] { fetch_batch(items); });
    bytes = 0;
  };
  for (Item& item : items_) {
    if (!S_ISREG(item.facts.mode)) continue;
    if (item.there) {
      moved(item.facts.size);
    } else if (item.facts.size >= large_bytes) {
      later([this, &item] { fetch_large(item); });
    } else {
      batch.push_back(&item);
      bytes += item.facts.size;
      if (again_ || bytes >= batch_bytes || batch.size() >= batch_files) flush();
    }
  }
  flush();
  if (!links_.empty()) later([this] { fetch_links(); });
  later([this] { conclude(); });
  next();
}

Arrivals::File CopyOut::arrival(const Item& item, std::uint64_t offset) {
  return {item.part, item.to, item.facts.size, offset, item.facts.mode & 0777U, item.facts.mtime_ns};
}

void CopyOut::fetch_batch(const Items& batch) {
  Names names;
  std::vector<Arrivals::File> files;
  for (const Item* item : batch) {
    names.push_back(item->from);
    files.push_back(arrival(*item, 0));
  }
  receive(named("copy_fetch", names), std::move(files),
          "'" + names.front() + "'" +
              (names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : ""));
}

void CopyOut::fetch_large(Item& item) {
  const std::uint64_t whole = std::min(item.part_bytes, item.facts.size) / mib * mib;
  compare("./" + item.from, item.part, whole, [this, &item](std::uint64_t same) {
    moved(same);
    receive(request("copy_range", {"./" + item.from, std::to_string(same / mib)}), {arrival(item, same)},
            "'" + item.from + "'");
  });
}

void CopyOut::receive(Request request, std::vector<Arrivals::File> files, const std::string& what) {
  std::uint64_t left = 0;
  for (const auto& file : files) left += file.size - file.offset;
  auto arrivals = std::make_shared<Arrivals>(std::move(files));
  request.output = [this, arrivals, left](std::string_view bytes) mutable {
    const std::uint64_t counted = std::min<std::uint64_t>(left, bytes.size());
    left -= counted;
    moved(counted);
    return arrivals->take(bytes);
  };
  ask(std::move(request), [this, arrivals, what](const Answer& answer) {
    if (arrivals->placed()) return next();
    if (answer.status == 5 || (again_ && !answer.complaint.empty())) return finish(trouble(answer, what));
    differs(what);
  });
}

void CopyOut::fetch_links() {
  Names names;
  for (const Item* link : links_) names.push_back(link->from);
  auto left = std::make_shared<Items>(links_.rbegin(), links_.rend());
  Request links = named("copy_links", names);
  links.output = [this, left, text = std::string()](std::string_view bytes) mutable -> Result<> {
    text += bytes;
    for (auto end = text.find('\0'); end != std::string::npos; end = text.find('\0')) {
      const std::string target = text.substr(0, end);
      text.erase(0, end + 1);
      if (left->empty()) break;
      const Item& item = *left->back();
      left->pop_back();
      if (target.empty()) {  // no link any more
        missing_.push_back(item.from);
        continue;
      }
      if (auto made = make_link(item.part, target, item.to); !made) return made;
    }
    return {};
  };
  demand(std::move(links), "the symbolic links", [this, left](const Answer& answer) {
    if (!left->empty()) return finish(trouble(answer, "the symbolic links"));
    next();
  });
}

// Folders get their modes when everything is inside, the innermost first.
void CopyOut::conclude() {
  const auto end = [this] {
    if (!refused_.empty()) return finish(fail(refused_.front()));
    if (missing_.empty()) return finish({});
    finish(fail(Code::not_found,
                named_briefly(missing_) + (missing_.size() == 1 ? " does" : " do") +
                    " not exist in the work folder on the node; what does exist has arrived",
                "look at the task's log: did it write there?"));
  };
  if (folders_.empty()) return end();
  std::sort(folders_.begin(), folders_.end(), [](const Item* a, const Item* b) { return a->from > b->from; });
  on_disk(
      [this]() -> Result<> {
        for (const Item* folder : folders_) {
          if (auto set = set_mode(folder->to, folder->facts.mode); !set) return set;
        }
        return {};
      },
      end);
}

}  // namespace

void copy_out(Shell& shell, Host& host, std::string run_folder, std::vector<FileCopy> files,
              Progress progress, Done<> done) {
  std::make_shared<CopyOut>(shell, host, std::move(run_folder), std::move(files), std::move(progress),
                            std::move(done))
      ->start();
}

}  // namespace grid::ssh
