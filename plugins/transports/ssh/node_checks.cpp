#include "node_checks.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "far_end.hpp"
#include "grid/sdk/bytes.hpp"
#include "parts.hpp"

namespace grid::ssh {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds slow_login{2'000};
constexpr std::int64_t most_skew_seconds = 2;
constexpr std::uint64_t least_free_bytes = 1U << 30U;

using State = Check::State;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// The n-th word, where several blanks may stand between two.
std::string_view nth(std::string_view text, int n) {
  for (;;) {
    text = trimmed(text);
    const auto word = take_word(text);
    if (n-- == 0) return word;
    if (text.empty()) return {};
  }
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || rest == text.data()) return std::nullopt;
  return value;
}

std::string seconds_text(milliseconds time) {
  const auto tenths = time.count() / 100;
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " s";
}

class Judge {
 public:
  explicit Judge(const NodeFindings& findings)
      : findings_(findings), parts_(split_parts(findings.output, findings.boundary)) {}

  std::vector<Check> all() {
    shell();
    machine();
    run_root();
    disk();
    clock();
    tools();
    gpu();
    versions();
    return std::move(checks_);
  }

 private:
  void add(std::string name, State state, std::string text, std::string fix = {}) {
    checks_.push_back({std::move(name), state, std::move(text), std::move(fix)});
  }
  [[nodiscard]] std::optional<std::string_view> part(std::string_view name) const {
    for (const auto& one : parts_.parts) {
      if (one.name == name) return trimmed(one.bytes);
    }
    return std::nullopt;
  }
  [[nodiscard]] std::string text(std::string_view name) const { return visible(part(name).value_or("")); }

  void shell() {
    const LoginFacts& login = findings_.login;
    const bool noisy = login.noise_bytes > 0;
    const bool slow = login.took >= slow_login;
    std::string said = "the login shell is ready after " + seconds_text(login.took);
    if (noisy) {
      said += " and prints " + std::to_string(login.noise_bytes) +
              " bytes first: " + visible(std::string_view(login.noise).substr(0, 60));
    }
    std::string fix;
    if (slow) fix = "have its profile do less when it is not interactive";
    if (noisy && !slow) fix = "harmless for grid; scp and rsync need a profile that prints nothing";
    add("shell", slow || noisy ? State::warning : State::good, std::move(said), std::move(fix));
  }

  void machine() {
    if (!findings_.login.greeting) return;
    const auto& identity = findings_.login.greeting->identity;
    const std::string said = "it is " + visible(identity.host_name) + ", machine id " + identity.machine_id +
                             ", user " + visible(identity.user);
    if (!findings_.simulated && identity.machine_id == findings_.our_machine) {
      return add("machine", State::warning, said + ": this is the head itself",
                 "use another host; to try things out: `transport: local`, `simulated: true`");
    }
    if (identity.machine_id.starts_with("host-")) {
      return add("machine", State::warning, said + ": it has none of its own, so its host name stands for it",
                 "make one there: systemd-machine-id-setup, or dbus-uuidgen --ensure");
    }
    add("machine", State::good, said);
  }

  void run_root() {
    const std::string root = text("root");
    const auto facts = part("facts");
    const std::string filesystem = text("filesystem");
    const std::string on = filesystem.empty() ? "" : ", on " + filesystem;
    if (!facts) {
      if (part("parent") == "yes") return add("run root", State::good, root + " can be made" + on);
      return add("run root", State::bad, root + " cannot be made: the folder above is not writable",
                 "set `run_root` of the node to a place that its user may write to");
    }
    const auto mode = nth(*facts, 0).substr(0, 10);
    const auto owner = nth(*facts, 2);
    const std::string shown = root + " is " + visible(mode) + " of uid " + visible(owner) + on;
    if (mode.starts_with('l'))
      return add("run root", State::bad, root + " is a symbolic link", "remove it: rm " + root);
    if (!mode.starts_with('d')) return add("run root", State::bad, root + " is not a folder", "move it away");
    if (findings_.login.greeting && owner != findings_.login.greeting->uid)
      return add("run root", State::bad, shown + ", which is somebody else", "set `run_root` of the node");
    if (mode != "drwx------") {
      return add("run root", State::bad, shown + ": open to others",
                 "look whether anybody put something there, then: chmod 0700 " + root);
    }
    if (filesystem.starts_with("nfs") || filesystem == "cifs" || filesystem == "fuse.sshfs") {
      return add("run root", State::warning, shown + ": the network may hold up every run",
                 "set `run_root` of the node to a local disk");
    }
    if (filesystem == "tmpfs") {
      return add("run root", State::warning, shown + ": logs take memory, and a restart forgets the runs",
                 "set `run_root` of the node to a disk");
    }
    add("run root", State::good, shown);
  }

  void disk() {
    const auto kib = number<std::uint64_t>(nth(part("free").value_or(""), 3));
    if (!kib) return add("disk", State::skipped, "df does not say how much is free");
    const std::uint64_t bytes = *kib * 1024;
    const std::string said = std::to_string(bytes >> 20U) + " MiB free in the run root";
    if (bytes >= least_free_bytes) return add("disk", State::good, said);
    add("disk", State::warning, said, "make room, or set `run_root` of the node to another disk");
  }

  void clock() {
    const auto there = number<std::int64_t>(trimmed(parts_.before));
    if (!there) return add("clock", State::skipped, "date does not say the time");
    // Whole seconds there, and half a round trip of doubt.
    const std::int64_t skew = std::abs(*there - findings_.wall_seconds);
    const std::int64_t doubt = 1 + findings_.took.count() / 2000;
    if (skew < most_skew_seconds + doubt)
      return add("clock", State::good, "its clock agrees with ours to about " + std::to_string(doubt) + " s");
    add("clock", State::warning, "its clock is " + std::to_string(skew) + " s off",
        "run chrony or systemd-timesyncd there; grid itself does not need it, times in tables do");
  }

  void tools() {
    const std::string missing = text("tools");
    if (missing.empty()) return add("tools", State::good, "every tool that is used there is there");
    add("tools", State::bad, "missing there: " + missing,
        "install coreutils, findutils, grep, tar, or busybox");
  }

  void gpu() {
    int cards = 0;
    for (const auto& one : parts_.parts) {
      if (one.name.starts_with("gpu 0x10de") || one.name.starts_with("gpu 0x1002") ||
          one.name.starts_with("gpu 0x8086"))
        ++cards;
    }
    const auto driver = part("nvidia");
    if (cards == 0 && !driver) return add("GPU", State::skipped, "none there");
    std::string said = std::to_string(cards) + (cards == 1 ? " card" : " cards");
    if (driver) said += ", " + visible(*driver);
    add("GPU", State::good, said);
  }

  void versions() {
    add("versions", State::good, "Linux " + text("kernel") + ", /bin/sh is " + text("shell"));
  }

  const NodeFindings& findings_;
  Parts parts_;
  std::vector<Check> checks_;
};

std::string our_machine_id() {
  std::ifstream file("/etc/machine-id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

std::vector<Check> judge(const NodeFindings& findings) { return Judge(findings).all(); }

void check_node(Host& host, const NodeThread& thread, const Verbs& verbs, const std::string& root,
                bool simulated, Done<std::vector<Check>> done) {
  NodeFindings findings;
  findings.boundary = random_token();
  findings.our_machine = our_machine_id();
  findings.simulated = simulated;
  Request asked = request("check", {findings.boundary, root});
  // Asked twice: the first one may have had to connect, and its round trip tells nothing of the clock.
  verbs.ask(request("beat", {}), [&host, &thread, &verbs, findings, asked,
                                  done = std::move(done)](Result<Answer> answer) {
    if (!answer) return done(fail(answer.error()));
    const auto begin = host.now();
    verbs.ask(asked, [&host, &thread, findings, begin, done](Result<Answer> checked) mutable {
      if (!checked) return done(fail(checked.error()));
      findings.took = host.now().monotonic - begin.monotonic;
      findings.wall_seconds =
          std::chrono::floor<std::chrono::seconds>(begin.wall + findings.took / 2).time_since_epoch().count();
      findings.login = thread.login();
      findings.output = std::move(checked->output);
      done(judge(findings));
    });
  });
}

}  // namespace grid::ssh
