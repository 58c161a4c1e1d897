// What copying in and copying out have in common: one step after the other, each a request to the node's
// shell.
//
// [loop], but for what the requests call on the node's thread. Kept alive by the callback of the request that
// is under way, so that it goes, without a word, with the shell. Nothing runs on the host's pool: a job there
// would outlive the shell without knowing.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "copies.hpp"
#include "disk.hpp"
#include "file_list.hpp"

namespace grid::ssh {

inline constexpr std::uint64_t mib = 1U << 20U;
inline constexpr std::uint64_t large_bytes = mib;       // from here on alone
inline constexpr std::uint64_t batch_bytes = 16 * mib;  // of small files in one request
inline constexpr std::size_t batch_files = 4000;
inline constexpr std::size_t batch_name_bytes = 256U << 10U;  // all must fit into one command line there
inline constexpr std::uint64_t slice_mib = 64;                // compared at once

class Copying : public std::enable_shared_from_this<Copying> {
 public:
  Copying(Shell& shell, Host& host, std::string run_folder, Progress progress, Done<> done);
  Copying(const Copying&) = delete;
  Copying& operator=(const Copying&) = delete;
  virtual ~Copying() = default;
  virtual void start() = 0;

 protected:
  using Then = std::function<void(const Answer&)>;
  using Names = std::vector<std::string>;

  // Any error ends it all; `then` sees answers only.
  void ask(Request request, Then then);
  // As ask(); a status that is not 0 ends it all, too.
  void demand(Request request, const std::string& what, Then then);
  [[nodiscard]] Request request(std::string verb, std::vector<std::string> arguments = {}) const;
  [[nodiscard]] Request named(std::string verb, const Names& names) const;
  // Asks for what the node knows of `names` and of the folders above them, into `node_`; `before` runs on the
  // node's thread.
  void survey(const Names& names, std::function<Result<>()> before, std::function<void()> then);
  // Runs `job` on the node's thread.
  void on_disk(std::function<Result<>()> job, std::function<void()> then);
  // How many of the first `bytes` of the node's file `name` (from the work folder) and the head's `path` are
  // the same: all, or whole slices.
  void compare(const std::string& name, const std::filesystem::path& path, std::uint64_t bytes,
               std::function<void(std::uint64_t)> then, std::uint64_t same = 0);
  // Whether the files' bytes, one file after the other, are the same on both sides.
  void compare_all(const Names& names, const std::vector<std::filesystem::path>& paths,
                   std::function<void(bool)> then);
  // A file that looks the same on both sides: its name there, its path here, and what to set when it is.
  struct Twin {
    std::string name;
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    bool* there = nullptr;
  };
  // Plans the steps that compare them: small ones together, large ones in slices.
  void check_there(const std::vector<Twin>& twins);
  // A folder above `path` is a symbolic link on the node.
  [[nodiscard]] bool linked(const std::string& path) const;

  void later(std::function<void()> step) { steps_.push_back(std::move(step)); }
  // The next step, or the end.
  void next();
  void finish(Result<> result);
  // A checksum differs after a copy: everything once more, one file at a time, so that the error of the
  // second time can name the file. What has arrived is not sent again.
  void differs(const std::string& what);
  // What a status of the verbs means.
  [[nodiscard]] tl::unexpected<Error> trouble(const Answer& answer, const std::string& what) const;
  // [node's thread] So many bytes more have been copied, or need not be.
  void moved(std::uint64_t bytes);

  Shell& shell_;
  Host& host_;
  std::string run_folder_;
  std::map<std::string, NodeFile> node_;
  std::optional<std::uint64_t> free_bytes_;
  std::deque<std::function<void()>> steps_;
  bool again_ = false;  // this is the second time

 private:
  Progress progress_;
  Done<> done_;
  std::uint64_t bytes_done_ = 0;
  std::chrono::milliseconds told_{};
};

// The name of the part of a large file, the same for the same `key`.
[[nodiscard]] std::string part_name(const std::string& key);

}  // namespace grid::ssh
