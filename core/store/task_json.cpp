#include "core/store/store.hpp"

namespace grid {

Json task_to_json(const Task& task) {
  Json json{{"argv", bytes_list_to_json(task.argv)},
            {"cwd", bytes_to_json(task.cwd)},
            {"environment", bytes_list_to_json(task.environment)},
            {"stdin_path", bytes_to_json(task.stdin_path)},
            {"cpus", task.needs.cpus},
            {"memory_bytes", task.needs.memory_bytes},
            {"gpus", task.needs.gpus},
            {"labels", task.labels},
            {"grace_seconds", task.grace_seconds}};
  if (!task.inherit.empty()) json["inherit"] = bytes_list_to_json(task.inherit);
  if (task.umask) json["umask"] = *task.umask;
  return json;
}

namespace {

// Reads members one after the other and keeps the first complaint.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  const Json* member(const char* name) {
    const auto found = json_.find(name);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }
  void bytes(const char* name, std::string& out) {
    if (const Json* value = member(name)) take(name, bytes_from_json(*value), out);
  }
  void bytes_list(const char* name, std::vector<std::string>& out) {
    if (const Json* value = member(name)) take(name, bytes_list_from_json(*value), out);
  }
  template <class T>
  void number(const char* name, T& out, double minimum, double maximum) {
    const Json* value = member(name);
    if (value == nullptr) return;
    if (!value->is_number() || value->get<double>() < minimum || value->get<double>() > maximum)
      return complain(name,
                      "expected a number from " + std::to_string(minimum) + " to " + std::to_string(maximum));
    out = value->get<T>();
  }
  void complain(const char* name, const std::string& what) {
    if (!error_) error_ = Error{Code::usage, std::string(name) + ": " + what, {}, {}, false};
  }
  std::optional<Error> error() { return error_; }

 private:
  template <class T>
  void take(const char* name, Result<T> value, T& out) {
    if (value)
      out = std::move(*value);
    else
      complain(name, value.error().message);
  }
  const Json& json_;
  std::optional<Error> error_;
};

bool has_nul(const std::vector<std::string>& list) {
  for (const std::string& item : list)
    if (item.find('\0') != std::string::npos) return true;
  return false;
}

}  // namespace

Result<Task> task_from_json(const Json& json) {
  if (!json.is_object()) return fail(Code::usage, "expected an object");
  Task task;
  Reader read(json);
  read.bytes_list("argv", task.argv);
  read.bytes("cwd", task.cwd);
  read.bytes_list("environment", task.environment);
  read.bytes_list("inherit", task.inherit);
  read.bytes("stdin_path", task.stdin_path);
  read.bytes_list("labels", task.labels);
  read.number("cpus", task.needs.cpus, 0, 1e6);
  read.number("memory_bytes", task.needs.memory_bytes, 0, 1e18);
  read.number("gpus", task.needs.gpus, 0, 1e6);
  read.number("grace_seconds", task.grace_seconds, 0, 86400);
  if (read.member("umask") != nullptr) read.number("umask", task.umask.emplace(), 0, 07777);
  if (task.argv.empty() || task.argv.front().empty())
    read.complain("argv", "expected a program and its arguments");
  if (!task.cwd.empty() && task.cwd.front() != '/') read.complain("cwd", "expected an absolute path");
  if (has_nul(task.argv) || has_nul(task.environment) || has_nul(task.inherit) ||
      has_nul({task.cwd, task.stdin_path}))
    read.complain("argv", "arguments, environment and paths cannot hold a NUL byte");
  if (auto error = read.error()) return fail(*error);
  return task;
}

}  // namespace grid
