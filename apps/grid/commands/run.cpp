// grid run
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/context.hpp"
#include "apps/grid/copy_logs.hpp"
#include "apps/grid/ending.hpp"
#include "apps/grid/output.hpp"
#include "core/base/files.hpp"
#include "core/config/config.hpp"
#include "core/move/environment.hpp"
#include "core/move/selection.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::cli {
namespace {

namespace fs = std::filesystem;

// The caller's variables that the configuration lets pass, and those named by -e, which win.
Result<std::vector<std::string>> task_environment(const Context& context, const Config& config,
                                                  std::vector<std::string>& names) {
  std::vector<std::string> named;
  for (const std::string& each : context.arguments.list("env")) {
    const std::size_t equals = each.find('=');
    const std::string name = each.substr(0, equals);
    if (name.empty())
      return fail(Code::usage, fmt::format("--env: '{}' has no name", each),
                  "write NAME=VALUE, or NAME alone");
    std::string entry = each;
    if (equals == std::string::npos) {
      const char* value = std::getenv(name.c_str());
      if (value == nullptr)
        return fail(Code::usage, fmt::format("--env: {} is not set here", name),
                    fmt::format("give it a value: -e {}=VALUE", name));
      entry = name + "=" + value;
    }
    if (const auto same = std::find(names.begin(), names.end(), name); same != names.end()) {
      named[static_cast<std::size_t>(same - names.begin())] = entry;
    } else {
      names.push_back(name);
      named.push_back(entry);
    }
  }
  std::vector<std::string> own;
  for (char** each = environ; *each != nullptr; ++each) own.emplace_back(*each);
  for (std::string& entry : filter_environment(own, config.offload.environment).environment)
    if (std::find(names.begin(), names.end(), entry.substr(0, entry.find('='))) == names.end())
      named.push_back(std::move(entry));
  return named;
}

// A copy of our stdin that the task can open by name. It goes when we are done; with --detach when the state
// folder's spool is cleaned.
Result<fs::path> spool_stdin(const Dirs& dirs) {
  const fs::path folder = dirs.state / "spool";
  if (auto made = make_private_folder(folder); !made) return fail(made.error());
  const fs::path path = folder / (random_hex(8) + ".stdin");
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file)
    return fail(Code::storage_failed, fmt::format("cannot write {}: {}", path.string(), errno_text(errno)));
  std::string buffer(65536, '\0');
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got == 0) return path;
    if (got < 0 && errno == EINTR) continue;
    auto written =
        got < 0 ? Result<>(fail(Code::storage_failed, "cannot read stdin: " + errno_text(errno)))
                : write_all(file.get(), std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    if (!written) {
      ::unlink(path.c_str());
      return fail(written.error());
    }
  }
}

Result<std::string> stdin_file(const std::string& given) {
  const fs::path path = fs::absolute(given);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file)
    return fail(Code::not_found,
                fmt::format("--stdin: cannot read {}: {}", path.string(), errno_text(errno)));
  return path.string();
}

Result<Json> request(Context& context, const std::string& stdin_path) {
  auto config = context.config();
  if (!config) return fail(config.error());
  std::vector<std::string> named;
  auto environment = task_environment(context, **config, named);
  if (!environment) return fail(environment.error());
  std::error_code error;
  const fs::path here = fs::current_path(error);
  if (error) return fail(Code::usage, "the current directory is gone", "change to one that exists");
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const Arguments& arguments = context.arguments;
  Json body{{"argv", bytes_list_to_json(arguments.positionals())},
            {"cwd", bytes_to_json(here.native())},
            {"environment", bytes_list_to_json(*environment)},
            {"named", bytes_list_to_json(named)},
            {"environment_name", nullptr},
            {"in", bytes_list_to_json(arguments.list("in"))},
            {"out", bytes_list_to_json(arguments.list("out"))},
            {"stdin_path", bytes_to_json(stdin_path)},
            {"cpus", *arguments.number("cpus")},
            {"memory_bytes", static_cast<std::uint64_t>(arguments.number("memory").value_or(0))},
            {"gpus", static_cast<std::uint64_t>(arguments.number("gpus").value_or(0))},
            {"labels", arguments.list("label")},
            {"array", nullptr},
            {"on", nullptr},
            {"umask", static_cast<int>(mask)}};
  if (const auto count = arguments.number("array")) body["array"] = static_cast<std::uint64_t>(*count);
  if (const auto node = arguments.text("on")) body["on"] = *node;
  if (const auto name = arguments.text("environment")) body["environment_name"] = *name;
  return body;
}

// One execution in the foreground.
class Foreground {
 public:
  Foreground(Context& context, const Json& execution) : context_(context), id_(text_of(execution, "id")) {}

  Result<int> follow() {
    if (!context_.json()) {
      if (auto left = follow_copy(); !left || *left) return left ? detached() : fail(left.error());
      auto copied = copy_logs(
          context_, {id_, true, true, true}, &signals_, [this](int signal) { return on_signal(signal); },
          [this] { tell_why_it_waits(); });
      if (!copied && copied.error().message.empty()) return reader_left();
      if (!copied) return fail(copied.error());
      if (!*copied) return detached();
    }
    auto ended = wait({});
    if (!ended) return fail(ended.error());
    if (!*ended) return detached();
    if (context_.json()) {
      if (auto shown = context_.show(**ended); !shown) return fail(shown.error());
    }
    return tell(with_files(exit_story(**ended), **ended));
  }

  Result<int> follow_array(std::uint64_t count) {
    const bool live = context_.terminal.err_tty && !context_.terminal.dumb;
    auto ended = wait([&](const Json& now) {
      if (live) (void)write_all(STDERR_FILENO, "\r" + counts(now, count) + "\x1b[K");
    });
    if (live) (void)write_all(STDERR_FILENO, "\r\x1b[K");
    if (!ended) return fail(ended.error());
    if (!*ended) return detached();
    if (context_.json()) {
      if (auto shown = context_.show(**ended); !shown) return fail(shown.error());
    } else {
      context_.say(fmt::format("{}: {}", id_, counts(**ended, count)));
    }
    if (text_of(**ended, "state") == "completed") return 0;
    return tell(exit_story(**ended));  // of the first element that failed
  }

 private:
  // What it was to bring home and did not; that alone is no failure of the command.
  ExitStory with_files(ExitStory story, const Json& execution) const {
    const auto add = [&](const std::string& line) { story.line += (story.line.empty() ? "" : "\n") + line; };
    const Json files = execution.value("files", Json::object());
    for (const Json& each : files.value("conflicts", Json::array()))
      add("changed here meanwhile, so it came as " + visible(bytes_from_json(each).value_or("?")));
    for (const Json& each : files.value("not_returned", Json::array()))
      add("not brought home: " + visible(bytes_from_json(each.value("path", Json())).value_or("?")) + ": " +
          visible(text_of(each, "reason")));
    if (const std::string problem = text_of(files, "problem"); !problem.empty())
      add("its files did not come home: " + visible(problem));
    const Json missing = execution.value("missing_outputs", Json::array());
    for (const Json& each : missing) add("missing output: " + visible(bytes_from_json(each).value_or("?")));
    const bool partly = !missing.empty() || !files.value("not_returned", Json::array()).empty();
    constexpr int partly_done = 7;
    if (partly && story.code == 0) story.code = partly_done;
    return story;
  }

  // On a terminal: how far the files are, until it runs. True: the person left.
  Result<bool> follow_copy() {
    if (context_.arguments.list("in").empty() || !context_.terminal.err_tty || context_.terminal.dumb)
      return false;
    const std::string target = "/v1/executions/" + url_part(id_);
    std::string shown;
    bool left = false;
    while (!left) {
      auto now = context_.get_patiently(target);
      if (!now) return fail(now.error());
      if (text_of(*now, "state") != "queued") break;
      const Json files = now->value("files", Json::object());
      std::string line;
      if (text_of(files, "copying") == "sending")
        line = fmt::format("sending {} files, {} of {}", files.value("in_files", 0),
                           size_text(files.value("done_bytes", std::uint64_t{0})),
                           size_text(files.value("total_bytes", std::uint64_t{0})));
      else if (const std::string reason = text_of(*now, "reason"); !reason.empty())
        line = visible(reason);
      if (line != shown) (void)write_all(STDERR_FILENO, "\r" + line + "\x1b[K");
      shown = line;
      for (int signal = signals_.take(); signal != 0; signal = signals_.take())
        left = left || !on_signal(signal);
      ::poll(nullptr, 0, 100);
    }
    if (!shown.empty()) (void)write_all(STDERR_FILENO, "\r\x1b[K");
    return left;
  }

  static std::string counts(const Json& execution, std::uint64_t count) {
    const Json& counts = execution.contains("counts") ? execution["counts"] : execution;
    std::string out = fmt::format("{} of {} completed", number_of(counts, "completed").value_or(0), count);
    for (const char* state : {"running", "failed", "cancelled", "aborted"})
      if (const auto n = number_of(counts, state); n && *n > 0) out += fmt::format(", {} {}", *n, state);
    return out;
  }

  // Until it has ended; nothing where the person has left.
  Result<std::optional<Json>> wait(const std::function<void(const Json&)>& each) {
    const std::string target = "/v1/executions/" + url_part(id_);
    while (true) {
      for (int signal = signals_.take(); signal != 0; signal = signals_.take())
        if (!on_signal(signal)) return std::optional<Json>();
      auto ended = context_.get_patiently(target + "?wait_ms=250");
      if (ended && is_terminal_state(*ended)) return std::optional(std::move(*ended));
      if (!ended && ended.error().code != Code::timed_out) return fail(ended.error());
      if (!each) continue;
      if (auto now = context_.get_patiently(target)) each(*now);
    }
  }

  // The first one is handed on, the second one means us.
  bool on_signal(int signal) {
    if (signal == SIGHUP || interrupted_) return false;
    interrupted_ = true;
    const std::string target = "/v1/executions/" + url_part(id_);
    auto sent = context_.post(target + "/signal", Json{{"signal", signal}});
    if (!sent && sent.error().code != Code::daemon_unavailable)
      sent = context_.post(target + "/cancel");  // it waits yet
    context_.say(
        sent ? fmt::format("{} sent to {}; once more leaves it running", signal_name(signal), id_)
             : fmt::format("{} could not be sent to {}: {}", signal_name(signal), id_, sent.error().message));
    return true;
  }

  Result<int> detached() {
    context_.say(
        fmt::format("{} goes on\nits output: grid logs -f {}\nto stop it: grid cancel {}", id_, id_, id_));
    return 128 + SIGINT;
  }

  // `grid run -- yes | head`: as without grid, the writer gets SIGPIPE.
  Result<int> reader_left() {
    (void)context_.post("/v1/executions/" + url_part(id_) + "/signal", Json{{"signal", SIGPIPE}});
    return 128 + SIGPIPE;
  }

  void tell_why_it_waits() {
    if (!context_.terminal.err_tty) return;
    auto now = context_.get("/v1/executions/" + url_part(id_));
    if (now && text_of(*now, "state") == "queued")
      context_.say(fmt::format("{} waits: {}", id_, text_of(*now, "reason")));
  }

  Result<int> tell(const ExitStory& story) {
    if (!story.line.empty()) context_.say(story.line);
    return story.code;
  }

  Context& context_;
  std::string id_;
  Signals signals_;
  bool interrupted_ = false;
};

// Before anything is sent, on a terminal: what goes along, and how much it is.
Result<> show_inputs(Context& context, const Json& body) {
  const std::vector<std::string> given = context.arguments.list("in");
  if (given.empty() || !context.terminal.err_tty) return {};
  auto config = context.config();
  if (!config) return fail(config.error());
  const auto cwd = bytes_from_json(body["cwd"]);
  std::vector<std::string> paths;
  for (const std::string& each : given) {
    auto path = path_inside(*cwd, each);
    if (!path) return fail(path.error());
    paths.push_back(std::move(*path));
  }
  StageRules rules;
  rules.max_bytes = (*config)->offload.stage.max_bytes;
  std::string patterns;
  for (const std::string& pattern : (*config)->offload.stage.ignore) patterns += pattern + "\n";
  auto ignore = IgnoreRules::parse(patterns, "offload.stage.ignore");
  if (!ignore) return fail(ignore.error());
  rules.ignore = std::move(*ignore);
  auto manifest = select_files(*cwd, paths, rules);
  if (!manifest) return fail(manifest.error());
  context.say(fmt::format("{} {} go along, {}", manifest->entries.size(),
                          manifest->entries.size() == 1 ? "file" : "files", size_text(manifest->bytes)));
  for (const std::string& note : manifest->notes) context.say(note);
  return {};
}

Result<int> start(Context& context, const std::string& stdin_path) {
  auto body = request(context, stdin_path);
  if (!body) return fail(body.error());
  if (auto shown = show_inputs(context, *body); !shown) return fail(shown.error());
  auto execution = context.post("/v1/executions", *body);
  if (!execution) return fail(execution.error());
  if (context.arguments.has("detach")) {
    if (context.json()) {
      if (auto shown = context.show(*execution); !shown) return fail(shown.error());
      return 0;
    }
    if (auto written = write_all(STDOUT_FILENO, text_of(*execution, "id") + "\n"); !written)
      return fail(written.error());
    return 0;
  }
  Foreground foreground(context, *execution);
  const auto count = context.arguments.number("array");
  return count ? foreground.follow_array(static_cast<std::uint64_t>(*count)) : foreground.follow();
}

}  // namespace

Result<int> run(Context& context) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto given = context.arguments.text("stdin");
  if (!given) return start(context, "");
  if (*given != "-") {
    auto path = stdin_file(*given);
    return path ? start(context, *path) : Result<int>(fail(path.error()));
  }
  auto spooled = spool_stdin(context.dirs);
  if (!spooled) return fail(spooled.error());
  auto code = start(context, spooled->native());
  const bool goes_on = code && (context.arguments.has("detach") || *code == 128 + SIGINT);
  if (!goes_on) ::unlink(spooled->c_str());
  return code;
}

}  // namespace grid::cli
