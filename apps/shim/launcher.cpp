#include "apps/shim/launcher.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace grid::shim {
namespace {

namespace rd = run_directory;

// In a mode that no umask of the task changes.
Fd open_log(const std::string& name) {
  Fd file(::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (file) {
    ::fchmod(file.get(), 0600);
  } else {
    std::perror(name.c_str());
  }
  return file;
}

// The environment of a task, but for our own variables.
std::vector<std::string> make_environment(const rd::Spec& spec) {
  auto variables = rd::with_inherited(spec.environment, spec.inherit);
  std::erase_if(variables, [](std::string_view variable) {
    return variable.starts_with("GRID_EXECUTION=") || variable.starts_with("GRID_ATTEMPT=") ||
           variable.starts_with("GRID_COOKIE=");
  });
  return variables;
}

std::string current_folder() {
  char* const name = ::get_current_dir_name();
  std::string folder = name != nullptr ? name : ".";
  ::free(name);
  return folder;
}

// The file actions of one start; glibc keeps them on the heap.
class Actions {
 public:
  Actions() { posix_spawn_file_actions_init(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() { posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

SlotLogs::SlotLogs(std::uint32_t slot)
    : slot_(slot),
      out_(open_log(rd::slot_log_name(slot, Stream::out))),
      err_(open_log(rd::slot_log_name(slot, Stream::err))) {}

std::uint64_t SlotLogs::close(std::uint32_t element, Stream stream, const Fd& file) {
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || facts.st_size == 0) return 0;
  const std::string slot_name = rd::slot_log_name(slot_, stream);
  ::rename(slot_name.c_str(), rd::log_name(element, stream).c_str());
  (stream == Stream::out ? out_ : err_) = open_log(slot_name);
  return static_cast<std::uint64_t>(facts.st_size);
}

void SlotLogs::close(std::uint32_t element, Ending& ending) {
  ending.stdout_bytes = close(element, Stream::out, out_);
  ending.stderr_bytes = close(element, Stream::err, err_);
}

Launcher::Launcher(const rd::Spec& spec)
    : spec_(spec),
      folder_(spec.cwd.empty() ? current_folder() + '/' + std::string(rd::work_folder) : spec.cwd),
      variables_(make_environment(spec)),
      cookie_("GRID_COOKIE=" + spec.cookie),
      null_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  if (spec.cwd.empty()) ::mkdir(rd::work_folder.data(), 0700);
  if (spec.umask) ::umask(*spec.umask);
  for (const auto& argument : spec.argv) arguments_.push_back(const_cast<char*>(argument.c_str()));
  arguments_.push_back(nullptr);
  for (auto& variable : variables_) environment_.push_back(variable.data());
  environment_.insert(environment_.end(), {cookie_.data(), nullptr, nullptr, nullptr});
  posix_spawnattr_init(&attributes_);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes_, &none);  // dispositions: the shim's own are all default
  // A session of its own brings each task a scheduling group of its own (autogroup), made and destroyed: on a
  // busy machine an eighth of the cost of a short task. Elements of a batch share the shim's session, which
  // has no terminal either.
  const short apart = spec.elements.size() > 1 ? POSIX_SPAWN_SETPGROUP : POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(&attributes_, static_cast<short>(apart | POSIX_SPAWN_SETSIGMASK));
}

Launcher::~Launcher() { posix_spawnattr_destroy(&attributes_); }

std::string Launcher::mark(std::uint32_t element) const {
  return "GRID_EXECUTION=" + spec_.execution + (spec_.array ? '.' + std::to_string(element) : std::string());
}

int Launcher::start(const RunElement& element, const SlotLogs& logs, pid_t& pid) {
  if (program_.empty()) {
    const int error = rd::find_program(spec_.argv.front(), variables_, folder_, program_);
    if (error != 0) return error;
  }
  execution_ = mark(element.element);
  attempt_ = "GRID_ATTEMPT=" + std::to_string(element.attempt);
  environment_[environment_.size() - 3] = execution_.data();
  environment_[environment_.size() - 2] = attempt_.data();
  Actions actions;
  if (spec_.stdin_path.empty()) {
    posix_spawn_file_actions_adddup2(actions.get(), null_.get(), 0);
  } else {
    posix_spawn_file_actions_addopen(actions.get(), 0, spec_.stdin_path.c_str(), O_RDONLY, 0);
  }
  posix_spawn_file_actions_adddup2(actions.get(), logs.out(), 1);
  posix_spawn_file_actions_adddup2(actions.get(), logs.err(), 2);
  posix_spawn_file_actions_addchdir_np(actions.get(), folder_.c_str());
  return ::posix_spawn(&pid, program_.c_str(), actions.get(), &attributes_, arguments_.data(),
                       environment_.data());
}

}  // namespace grid::shim
