// A Shell without a connection: each request starts a shell of this machine with copy.sh. It can break where
// a connection breaks, and spoil a byte on the way, which no server does.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "copies.hpp"
#include "grid/sdk/fd.hpp"
#include "grid/sdk/testkit/loop_host.hpp"

namespace grid::ssh::testing {

namespace fs = std::filesystem;

struct Flavour {
  std::string name;
  std::vector<std::string> shell;
  bool busybox_tools = false;
};

// What happens on the way, once: of all bytes of bodies (up) or outputs (down) of the verb named.
struct Fault {
  std::string verb;
  bool up = true;
  std::uint64_t after_bytes = 0;
  bool spoil = false;  // else cut
  int times = 1;
};

class DirectShell final : public Shell {
 public:
  DirectShell(Host& host, Flavour flavour, std::string path)
      : host_(host), flavour_(std::move(flavour)), path_(std::move(path)), thread_([this] { serve(); }) {}
  ~DirectShell() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    waits_.notify_all();
    thread_.join();
    *alive_ = false;
  }

  void ask(Request request, Done<Answer> done) override {
    ++requests;
    const std::uint64_t id = ++last_;
    pending_[id] = std::move(done);
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(id, std::move(request));
    waits_.notify_one();
  }

  // [loop] while nothing is under way.
  std::vector<Fault> faults;
  // Called on the node's thread, when the first bytes of a body have been asked for.
  std::function<void(const std::string& verb)> in_body;
  std::atomic<std::uint64_t> up_bytes{0};
  std::atomic<std::uint64_t> down_bytes{0};
  int requests = 0;

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      waits_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      auto [id, request] = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      auto answer = std::make_shared<Result<Answer>>(carry_out(request));
      request = {};
      host_.post([this, alive = alive_, id = id, answer] {
        if (!*alive) return;
        auto done = std::move(pending_.extract(id).mapped());
        done(std::move(*answer));
      });
      lock.lock();
    }
  }

  pid_t spawn(const Request& request, Fd& in, Fd& out, Fd& err) const {
    int to[2], from[2], complaints[2];
    if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0 || ::pipe2(complaints, O_CLOEXEC) != 0) {
      std::abort();
    }
    std::vector<std::string> argv = flavour_.shell;
    argv.insert(argv.end(), {"-c", "set -f; . \"$0\"; verb=$1; shift; \"do_$verb\" \"$@\"",
                             GRID_SOURCE_DIR "/plugins/transports/ssh/scripts/copy.sh", request.verb});
    argv.insert(argv.end(), request.arguments.begin(), request.arguments.end());
    std::vector<char*> pointers;
    for (auto& word : argv) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::string path = "PATH=" + path_, language = "LC_ALL=C";
    char* environment[] = {path.data(), language.data(), nullptr};
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(to[0], 0);
      ::dup2(from[1], 1);
      ::dup2(complaints[1], 2);
      ::execve(pointers[0], pointers.data(), environment);
      ::_exit(127);
    }
    for (const int fd : {to[0], from[1], complaints[1]}) ::close(fd);
    in = Fd(to[1]);
    out = Fd(from[0]);
    err = Fd(complaints[0]);
    for (const Fd* fd : {&in, &out, &err}) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
    return child;
  }

  // True when the connection breaks among these bytes, of which those before the break are kept.
  bool suffer(const std::string& verb, bool up, std::uint64_t before, std::string& bytes) {
    for (Fault& fault : faults) {
      if (fault.times == 0 || fault.verb != verb || fault.up != up) continue;
      if (fault.after_bytes < before || fault.after_bytes >= before + bytes.size()) continue;
      --fault.times;
      if (!fault.spoil) {
        bytes.resize(fault.after_bytes - before);
        return true;
      }
      bytes[fault.after_bytes - before] = static_cast<char>(bytes[fault.after_bytes - before] ^ 1);
    }
    return false;
  }

  Result<Answer> carry_out(Request& request) {
    Fd in, out, err;
    const pid_t child = spawn(request, in, out, err);
    Answer answer;
    std::string unsent = request.next_piece ? std::string() : request.body;
    std::uint64_t sent = 0, came = 0, taken = unsent.size();
    std::optional<Error> error;
    bool cut = false;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((out || err) && !error && !cut) {
      if (request.next_piece && unsent.empty() && taken < request.body_bytes) {
        auto piece = request.next_piece(std::min<std::uint64_t>(100'000, request.body_bytes - taken));
        if (!piece || piece->empty()) {
          error = piece ? Error{Code::internal, "the body ends too early", {}, {}, false} : piece.error();
          break;
        }
        EXPECT_LE(piece->size(), 100'000U);
        if (taken == 0 && in_body) in_body(request.verb);
        taken += piece->size();
        cut = suffer(request.verb, true, taken - piece->size(), *piece);
        unsent = *piece;
      }
      if (in && unsent.empty()) in.reset();
      pollfd fds[3] = {{in.get(), POLLOUT, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
      ::poll(fds, 3, 100);
      while (in && !unsent.empty()) {
        const ssize_t n = ::write(in.get(), unsent.data(), unsent.size());
        if (n < 0 && errno != EAGAIN) unsent.clear(), in.reset();
        if (n <= 0 && !cut) break;
        if (n <= 0) {
          ::poll(fds, 1, 100);
          continue;
        }
        sent += static_cast<std::uint64_t>(n);
        unsent.erase(0, static_cast<std::size_t>(n));
      }
      char buffer[65536];
      for (Fd* fd : {&out, &err}) {
        if (!*fd) continue;
        const ssize_t n = ::read(fd->get(), buffer, sizeof buffer);
        if (n == 0) fd->reset();
        if (n <= 0) continue;
        std::string bytes(buffer, static_cast<std::size_t>(n));
        if (fd == &err) {
          answer.complaint += bytes;
          continue;
        }
        cut = suffer(request.verb, false, came, bytes) || cut;
        came += bytes.size();
        if (!request.output) {
          answer.output += bytes;
        } else if (auto done = request.output(bytes); !done) {
          error = done.error();
        }
      }
      if (std::chrono::steady_clock::now() > end) {
        ::kill(child, SIGKILL);
        error = Error{Code::timed_out, request.verb + " takes too long", {}, {}, true};
      }
    }
    up_bytes += sent;
    down_bytes += came;
    in.reset(), out.reset(), err.reset();
    int status = 0;
    ::waitpid(child, &status, 0);
    if (cut) return fail(Code::node_unreachable, "the connection broke", {}, true);
    if (error) return fail(*error);
    answer.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return answer;
  }

  Host& host_;
  Flavour flavour_;
  std::string path_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Done<Answer>> pending_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::mutex mutex_;
  std::condition_variable waits_;
  std::deque<std::pair<std::uint64_t, Request>> queue_;
  bool ending_ = false;
  std::thread thread_;
};

inline std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write(const fs::path& file, const std::string& bytes, unsigned mode = 0644) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
  ::chmod(file.c_str(), mode);
}

inline std::string random_bytes(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  std::uint64_t state = seed * 2654435761U + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56U);
  }
  return bytes;
}

// Also what is in folders that are closed.
inline void remove_tree(const fs::path& root) {
  std::error_code ignored;
  const auto flags = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(root, flags, ignored), end; entry != end;
       entry.increment(ignored)) {
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) ::chmod(entry->path().c_str(), 0700);
  }
  fs::remove_all(root, ignored);
}

// A head folder and a run directory, and a shell between them.
class CopyTest : public ::testing::TestWithParam<Flavour> {
 protected:
  CopyTest() {
    // In memory where there is a place: thousands of files on a busy disk would be what is measured.
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name = (memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "grid-copy-XXXXXX";
    base = ::mkdtemp(name.data());
    head = base / "head";
    back = base / "back";
    run = base / "run";
    work = run / "work";
    fs::create_directories(head);
    fs::create_directories(work);
    ::signal(SIGPIPE, SIG_IGN);
  }
  ~CopyTest() override {
    shell.reset();
    remove_tree(base);
  }
  void SetUp() override {
    if (!fs::exists(GetParam().shell[0])) GTEST_SKIP() << "no " << GetParam().shell[0] << " here";
    std::string path = ::getenv("PATH");
    if (GetParam().busybox_tools) {
      path = base / "bin";
      fs::create_directories(path);
      FILE* list = ::popen("/usr/bin/busybox --list", "r");
      char line[128];
      while (::fgets(line, sizeof line, list) != nullptr) {
        line[::strcspn(line, "\n")] = '\0';
        fs::create_symlink("/usr/bin/busybox", fs::path(path) / line);
      }
      ::pclose(list);
    }
    shell = std::make_unique<DirectShell>(host, GetParam(), path);
  }

  template <class T, class Call>
  Result<T> wait(Call call) {
    std::optional<Result<T>> answer;
    call([&answer](Result<T> result) {
      EXPECT_FALSE(answer) << "answered twice";
      answer = std::move(result);
    });
    EXPECT_FALSE(answer) << "answered from inside the call";
    EXPECT_TRUE(host.run_until([&] { return answer.has_value(); }, std::chrono::seconds(60)));
    return answer ? *answer : Result<T>(fail(Code::internal, "no answer"));
  }
  Result<> put(std::vector<FileCopy> files, Progress progress = nullptr) {
    return wait<void>([&](Done<> done) {
      copy_in(*shell, host, run, std::move(files), std::move(progress), std::move(done));
    });
  }
  Result<> get(std::vector<FileCopy> files, Progress progress = nullptr) {
    return wait<void>([&](Done<> done) {
      copy_out(*shell, host, run, std::move(files), std::move(progress), std::move(done));
    });
  }
  Result<std::vector<FileFact>> list() {
    return wait<std::vector<FileFact>>(
        [&](Done<std::vector<FileFact>> done) { list_files(*shell, host, run, std::move(done)); });
  }
  // Everything below `from`, in both directions.
  static std::vector<FileCopy> all_in(const fs::path& from) {
    std::vector<FileCopy> files;
    for (const auto& entry : fs::recursive_directory_iterator(from)) {
      files.push_back({entry.path(), entry.path().lexically_relative(from)});
    }
    return files;
  }
  std::vector<FileCopy> all_out() const {
    std::vector<FileCopy> files;
    for (const auto& entry : fs::recursive_directory_iterator(work)) {
      const fs::path path = entry.path().lexically_relative(work);
      files.push_back({path, back / path});
    }
    return files;
  }
  // Nothing of a copy is left behind in the run directory or in the folder on the head.
  bool tidy() const {
    for (const fs::path& place : {run / "incoming", back}) {
      if (!fs::exists(place)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(place)) {
        const std::string name = entry.path().filename();
        if (place != back || name.find(".grid-part") == 0) return false;
      }
    }
    return true;
  }

  fs::path base, head, back, run, work;
  testkit::LoopHost host;
  std::unique_ptr<DirectShell> shell;
};

inline std::string said(const Result<>& result) {
  return result ? "" : std::string(to_string(result.error().code)) + ": " + result.error().message;
}

}  // namespace grid::ssh::testing
