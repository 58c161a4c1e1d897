#include "core/daemon/staging.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

#include "core/daemon/crash_point.hpp"
#include "core/move/return_plan.hpp"
#include "core/move/selection.hpp"

namespace grid {
namespace {

namespace fs = std::filesystem;

Error no_link(const std::string& node) {
  return Error{Code::node_unreachable, node + " cannot be reached: there is no link to it", {}, {}, true};
}

// After a crash in the middle of a fetch: this file came home already, with its size and time.
bool is_home(const fs::path& path, const FileFact& fact) {
  struct stat here {};
  if (::lstat(path.c_str(), &here) != 0) return false;
  const auto mtime = std::int64_t{here.st_mtim.tv_sec} * 1'000'000'000 + here.st_mtim.tv_nsec;
  return static_cast<std::uint64_t>(here.st_size) == fact.size && mtime == fact.mtime_ns;
}

struct Plan {
  std::vector<FileCopy> files;
  std::uint64_t bytes = 0;
};

// Of what is there: what comes home, and where it goes. Makes the folders for it.
Plan plan_fetch(const Staging::Fetching& what, std::vector<FileFact> there, Staging::Fetched& fetched) {
  if (what.only) {
    for (const std::string& name : *what.only) {
      const bool found = std::any_of(there.begin(), there.end(),
                                     [&](const FileFact& fact) { return is_selected({name}, fact.path); });
      if (!found && name != ".") fetched.missing.push_back(name);
    }
    std::erase_if(there, [&](const FileFact& fact) { return !is_selected(*what.only, fact.path); });
  }
  const ReturnPlan plan = plan_return(what.before, there, what.cwd, std::to_string(what.task));
  Plan copies;
  for (const ReturningFile& file : plan.files) {
    const auto fact =
        std::find_if(there.begin(), there.end(), [&](const FileFact& f) { return f.path == file.path; });
    if (is_home(what.cwd / file.path, *fact)) {
      fetched.returned.push_back(file.path);
      continue;
    }
    std::error_code ignored;  // get() reports what cannot be written
    fs::create_directories((what.cwd / file.destination).parent_path(), ignored);
    copies.files.push_back({file.path, (what.cwd / file.destination).string()});
    copies.bytes += fact->size;
    (file.conflict ? fetched.conflicts : fetched.returned).push_back(file.destination);
  }
  for (const auto& refused : plan.refused) fetched.refused.emplace_back(refused.path, refused.reason);
  return copies;
}

}  // namespace

Staging::Staging(const Config& config, Host& host, Ledger& ledger, Runs& runs)
    : config_(config), host_(host), ledger_(ledger), runs_(runs), retry_(host) {}

Result<StageRules> Staging::rules(const Config& config) {
  StageRules rules;
  rules.max_bytes = config.offload.stage.max_bytes;
  std::string patterns;
  for (const std::string& pattern : config.offload.stage.ignore) patterns += pattern + "\n";
  auto ignore = IgnoreRules::parse(patterns, "offload.stage.ignore");
  if (!ignore) return fail(ignore.error());
  rules.ignore = std::move(*ignore);
  return rules;
}

fs::path Staging::home_folder() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "/" : entry->pw_dir;
}

Result<> Staging::may_send_all(const fs::path& cwd) {
  if (const StageScope scope = stage_scope(cwd, home_folder()); !scope.allowed)
    return fail(Code::preflight_failed, cwd.string() + " is not sent as a whole: " + scope.reason,
                "name the files: --in FILE");
  return {};
}

std::function<bool(const Error&)> Staging::again(std::int64_t task, const std::string& node,
                                                 const Wanted& wanted) {
  return [this, task, node, wanted](const Error& error) {
    if (!wanted()) return false;
    runs_.say_wait(task, "waits: " + node + " cannot be reached: " + error.message);
    return true;
  };
}

grid::Progress Staging::counted(std::int64_t task, const char* phase, std::uint64_t bytes) {
  progress_[task] = {phase, 0, bytes};
  return [this, task](std::uint64_t done) {
    if (const auto found = progress_.find(task); found != progress_.end()) found->second.done_bytes = done;
  };
}

const Staging::Progress* Staging::progress(std::int64_t task) const {
  const auto found = progress_.find(task);
  return found == progress_.end() ? nullptr : &found->second;
}

void Staging::send(const Sending& what, const Wanted& wanted, const Done<>& done) {
  const auto link_or = [this, node = what.node](const Done<>& call) {
    Link* link = runs_.link(node);
    if (link == nullptr) call(fail(no_link(node)));
    return link;
  };
  const auto put = [this, what, link_or](Done<> call) {
    if (Link* link = link_or(call))
      link->put(what.spec.run, what.files, counted(what.task, "sending", what.bytes), std::move(call));
  };
  const auto prepare = [what, link_or](Done<> call) {
    if (Link* link = link_or(call)) link->prepare(what.spec, std::move(call));
  };
  const auto ended = [this, task = what.task, done](Result<> put_done) {
    crash_point();
    progress_.erase(task);
    runs_.say_wait(task, "");
    done(std::move(put_done));
  };
  retry_.call<void>(prepare, again(what.task, what.node, wanted),
                    [this, what, wanted, put, ended](Result<> prepared) {
                      crash_point();
                      if (!prepared) return ended(std::move(prepared));
                      runs_.say_wait(what.task, "");
                      retry_.call<void>(put, again(what.task, what.node, wanted), ended);
                    });
}

void Staging::fetch(const Fetching& what, const Wanted& wanted, const Done<Fetched>& done) {
  const auto list = [this, what](const Done<std::vector<FileFact>>& call) {
    Link* link = runs_.link(what.node);
    if (link == nullptr) return call(fail(no_link(what.node)));
    link->list(runs_.named(what.run), call);
  };
  retry_.call<std::vector<FileFact>>(
      list, again(what.task, what.node, wanted),
      [this, what, wanted, done](Result<std::vector<FileFact>> there) {
        crash_point();
        runs_.say_wait(what.task, "");
        if (!there) return done(fail(there.error()));
        host_.work([this, what, wanted, done, there = std::move(*there)] {
          auto fetched = std::make_shared<Fetched>();
          Plan plan = plan_fetch(what, there, *fetched);
          crash_point();
          host_.post([this, what, wanted, done, fetched, plan = std::move(plan)] {
            get(what, fetched, plan.files, plan.bytes, wanted, done);
          });
        });
      });
}

void Staging::get(const Fetching& what, const std::shared_ptr<Fetched>& fetched,
                  const std::vector<FileCopy>& files, std::uint64_t bytes, const Wanted& wanted,
                  const Done<Fetched>& done) {
  if (files.empty()) return done(std::move(*fetched));
  const auto copy = [this, what, files, bytes](Done<> call) {
    Link* link = runs_.link(what.node);
    if (link == nullptr) return call(fail(no_link(what.node)));
    link->get(runs_.named(what.run), files, counted(what.task, "fetching", bytes), std::move(call));
  };
  retry_.call<void>(copy, again(what.task, what.node, wanted),
                    [this, task = what.task, fetched, done](Result<> got) {
                      crash_point();
                      progress_.erase(task);
                      runs_.say_wait(task, "");
                      if (!got) return done(fail(got.error()));
                      done(std::move(*fetched));
                    });
}

}  // namespace grid
