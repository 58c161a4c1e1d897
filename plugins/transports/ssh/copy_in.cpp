#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <set>
#include <utility>

#include "copying.hpp"
#include "pieces.hpp"
#include "tar.hpp"

namespace grid::ssh {
namespace {

namespace fs = std::filesystem;

struct Item {
  std::string from;    // on the head
  std::string to;      // in the work folder
  std::string target;  // of a symbolic link
  DiskFile facts;
  bool there = false;  // complete on the node
};

class CopyIn final : public Copying {
 public:
  CopyIn(Shell& shell, Host& host, std::string run_folder, std::vector<FileCopy> files, Progress progress,
         Done<> done)
      : Copying(shell, host, std::move(run_folder), std::move(progress), std::move(done)) {
    for (FileCopy& file : files) {
      auto to = inside(file.to);
      if (to)
        items_.push_back({std::move(file.from), std::move(*to), {}, {}, false});
      else if (refused_)
        refused_ = fail(to.error());
    }
  }

  void start() override {
    Names names;
    for (const Item& item : items_) names.push_back(item.to);
    survey(
        names, [this] { return refused_ ? look_at_sources() : refused_; }, [this] { plan(); });
  }

 private:
  using Items = std::vector<Item*>;

  Result<> look_at_sources();
  void plan();
  [[nodiscard]] Result<> fits() const;
  [[nodiscard]] bool maybe_there(const Item& item) const;
  void check_there();
  void plan_transfers();
  void send_batch(const Items& batch);
  void send_large(Item& item, bool anew);
  void append(Item& item, std::uint64_t offset, bool anew);
  void place(const Item& item);
  void set_modes();

  std::vector<Item> items_;
  Result<> refused_;
};

Result<> CopyIn::look_at_sources() {
  for (Item& item : items_) {
    const auto found = look(item.from);
    if (!found) return disk_error(item.from, errno);
    item.facts = *found;
    if (S_ISLNK(found->mode)) {
      char target[PATH_MAX];
      const ssize_t n = ::readlink(item.from.c_str(), target, sizeof target);
      if (n < 0) return disk_error(item.from, errno);
      item.target.assign(target, static_cast<std::size_t>(n));
    } else if (!S_ISREG(found->mode) && !S_ISDIR(found->mode)) {
      return fail(Code::usage, item.from + " is neither a file, a folder nor a symbolic link");
    }
  }
  return {};
}

bool CopyIn::maybe_there(const Item& item) const {
  const auto found = node_.find(item.to);
  return found != node_.end() && S_ISREG(item.facts.mode) && found->second.mode == item.facts.mode &&
         found->second.size == item.facts.size && same_time(found->second.mtime_ns, item.facts.mtime_ns);
}

Result<> CopyIn::fits() const {
  std::uint64_t needed = 0;
  for (const Item& item : items_) {
    if (S_ISREG(item.facts.mode) && !item.there) needed += item.facts.size;
  }
  if (!free_bytes_ || needed <= *free_bytes_) return {};
  return fail(Code::storage_failed,
              "no space left on the node in " + run_folder_ + ": " + std::to_string(needed) +
                  " bytes are needed and " + std::to_string(*free_bytes_) + " are free",
              "free some space there, or give the node another `run_root`", true);
}

void CopyIn::plan() {
  if (!refused_) return finish(refused_);
  for (const Item& item : items_) {
    const auto found = node_.find(item.to);
    const bool link_there = found != node_.end() && S_ISLNK(found->second.mode);
    if (linked(item.to) || (S_ISDIR(item.facts.mode) && link_there)) return finish(outside(item.to));
  }
  check_there();
  later([this] { plan_transfers(); });
  next();
}

// Files that look as if they were there are compared.
void CopyIn::check_there() {
  std::vector<Twin> twins;
  for (Item& item : items_)
    if (maybe_there(item)) twins.push_back({item.to, item.from, item.facts.size, &item.there});
  Copying::check_there(twins);
}

void CopyIn::plan_transfers() {
  if (const auto fitting = fits(); !fitting) return finish(fitting);
  Items batch;
  std::uint64_t bytes = 0;
  std::size_t name_bytes = 0;
  const auto flush = [&] {
    if (!batch.empty()) later([this, items = std::exchange(batch, {})] { send_batch(items); });
    bytes = 0;
    name_bytes = 0;
  };
  for (Item& item : items_) {
    const bool file = S_ISREG(item.facts.mode);
    if (item.there) {
      moved(item.facts.size);
    } else if (file && item.facts.size >= large_bytes) {
      later([this, &item] { send_large(item, false); });
    } else {
      batch.push_back(&item);
      bytes += file ? item.facts.size : 0;
      name_bytes += item.to.size() + 16;
      const bool full = bytes >= batch_bytes || batch.size() >= batch_files || name_bytes >= batch_name_bytes;
      if (full || (again_ && file)) flush();
    }
  }
  flush();
  later([this] { set_modes(); });
  next();
}

void CopyIn::send_batch(const Items& batch) {
  std::set<std::string> folders{""};
  std::string list("../list\0", 8);
  for (const Item* item : batch) {
    add_parents(item->to, folders);
    if (S_ISDIR(item->facts.mode)) folders.insert(item->to);
    if (S_ISREG(item->facts.mode)) list += "./" + item->to + '\0';
  }
  auto body = std::make_shared<Pieces>();
  TarEntry entry;
  entry.name = "list";
  entry.mode = 0600;
  entry.size = list.size();
  body->add(tar_header(entry));
  body->add_summed(list);
  body->add(tar_padding(list.size()));
  for (const std::string& folder : folders) {
    TarEntry made;
    made.kind = TarEntry::Kind::folder;
    made.name = "t/" + folder;
    made.mode = 0755;  // until everything is inside
    body->add(tar_header(made));
  }
  for (const Item* item : batch) {
    if (S_ISDIR(item->facts.mode)) continue;
    TarEntry moving;
    moving.kind = S_ISLNK(item->facts.mode) ? TarEntry::Kind::symlink : TarEntry::Kind::file;
    moving.name = "t/" + item->to;
    moving.target = item->target;
    moving.size = item->facts.size;
    moving.mode = item->facts.mode;
    moving.mtime_ns = item->facts.mtime_ns;
    body->add(tar_header(moving));
    if (moving.kind == TarEntry::Kind::symlink) continue;
    body->add_file(item->from, item->facts);
    body->add(tar_padding(moving.size));
  }
  entry.name = "sum";
  entry.size = Pieces::sum_line_bytes;
  body->add(tar_header(entry));
  body->add_sum();
  body->add(tar_padding(entry.size));
  body->add(tar_end());

  Request unpack = request("copy_unpack");
  unpack.body_bytes = body->size();
  unpack.next_piece = [this, body](std::size_t most) {
    auto piece = body->next(most);
    moved(body->last_file_bytes());
    return piece;
  };
  const std::string what = "'" + batch.front()->to + "'" +
                           (batch.size() > 1 ? " and " + std::to_string(batch.size() - 1) + " more" : "");
  ask(std::move(unpack), [this, what](const Answer& answer) {
    if (answer.status == 0) return next();
    if (answer.status != 3) return finish(trouble(answer, what));
    differs(what);
  });
}

void CopyIn::send_large(Item& item, bool anew) {
  Request part = request("copy_part", {part_name(item.to)});
  demand(std::move(part), "'" + item.to + "'", [this, &item, anew](const Answer& answer) {
    const std::uint64_t there = anew ? 0 : std::strtoull(answer.output.c_str(), nullptr, 10);
    const std::uint64_t whole = std::min(there, item.facts.size) / mib * mib;
    compare("../incoming/" + part_name(item.to), item.from, whole,
            [this, &item, anew](std::uint64_t same) { append(item, same, anew); });
  });
}

void CopyIn::append(Item& item, std::uint64_t offset, bool anew) {
  auto body = std::make_shared<Pieces>();
  body->add_file(item.from, item.facts, offset);
  moved(offset);
  Request append = request(
      "copy_append", {part_name(item.to), std::to_string(offset / mib), std::to_string(item.facts.size)});
  append.body_bytes = body->size();
  append.next_piece = [this, body](std::size_t most) {
    auto piece = body->next(most);
    moved(body->last_file_bytes());
    return piece;
  };
  demand(std::move(append), "'" + item.to + "'", [this, &item, body, anew](const Answer& answer) {
    if (answer.output.substr(0, 64) == body->sum()) return place(item);
    if (anew) again_ = true;
    if (again_) return differs("'" + item.to + "'");
    send_large(item, true);
  });
}

void CopyIn::place(const Item& item) {
  char mode[8];
  std::snprintf(mode, sizeof mode, "%o", item.facts.mode & 07777U);
  constexpr std::int64_t second_ns = 1'000'000'000;
  const std::int64_t ns = std::max<std::int64_t>(item.facts.mtime_ns, 0);
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, "%09lld", static_cast<long long>(ns % second_ns));
  demand(request("copy_place", {part_name(item.to), item.to, mode, std::to_string(ns / second_ns), fraction}),
         "'" + item.to + "'", [this](const Answer&) { next(); });
}

// Folders get their modes when everything is inside: those that stay open together, then the others from the
// innermost on.
void CopyIn::set_modes() {
  std::map<std::uint32_t, Names> open;
  std::map<std::string, std::uint32_t> closed;
  for (const Item& item : items_) {
    if (!S_ISDIR(item.facts.mode)) continue;
    const std::uint32_t mode = item.facts.mode & 07777U;
    if ((mode & 0700U) == 0700U)
      open[mode].push_back(item.to);
    else
      closed[item.to] = mode;
  }
  const auto add = [this](std::uint32_t mode, const Names& names) {
    char text[8];
    std::snprintf(text, sizeof text, "%o", mode);
    Request modes = named("copy_modes", names);
    modes.arguments.push_back(text);
    modes.arguments.push_back(std::to_string(modes.body.size()));
    later([this, modes] { demand(modes, "the folders' modes", [this](const Answer&) { next(); }); });
  };
  for (const auto& [mode, names] : open) add(mode, names);
  for (auto folder = closed.rbegin(); folder != closed.rend(); ++folder) add(folder->second, {folder->first});
  next();
}

}  // namespace

void copy_in(Shell& shell, Host& host, std::string run_folder, std::vector<FileCopy> files, Progress progress,
             Done<> done) {
  std::make_shared<CopyIn>(shell, host, std::move(run_folder), std::move(files), std::move(progress),
                           std::move(done))
      ->start();
}

}  // namespace grid::ssh
