// A transport whose nodes are folders: a node's address is its folder, and files there say how it behaves.
//
//   machine_id, boot_id, user   who answers
//   files/proc/…                 what is read
//   fail                        "NodeUnreachable no route": every call fails so, at once
//   hang                        while it exists, no call answers
//   checks                      lines "good|name|text|fix": what diagnose() says
//   keys                        lines "type fingerprint unknown|known|changed|revoked [known fingerprint]"
//   bin/NAME                    a program that probe() finds
//
// It writes `log`: a line when a call begins, one when it ends. A key that was trusted stands as known, and
// `untrusted`, which fails calls like `fail`, goes.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "grid/sdk/transport.hpp"

namespace {

namespace fs = std::filesystem;
using grid::Code;
using grid::Done;
using grid::fail;
using grid::Result;

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string line_of(const fs::path& file, const std::string& otherwise) {
  std::ifstream in(file);
  std::string line;
  return std::getline(in, line) ? line : otherwise;
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string word(std::string& line, char separator) {
  const std::size_t end = std::min(line.find(separator), line.size());
  std::string first = line.substr(0, end);
  line.erase(0, std::min(end + 1, line.size()));
  return first;
}

// What waits for a file to go.
class Waiting {
 public:
  explicit Waiting(grid::Host& host) : host_(host) {}
  void when_gone(const fs::path& file, std::function<void()> then) {
    if (!fs::exists(file)) {
      host_.post(std::move(then));
      return;
    }
    const int id = next_++;
    timers_[id] = host_.after(std::chrono::milliseconds(5), [this, id, file, then = std::move(then)] {
      const auto self = std::move(timers_[id]);
      timers_.erase(id);
      when_gone(file, then);
    });
  }

 private:
  grid::Host& host_;
  std::map<int, std::unique_ptr<grid::Host::Handle>> timers_;
  int next_ = 0;
};

class ScriptedLink final : public grid::Link {
 public:
  ScriptedLink(grid::Host& host, fs::path folder) : waiting_(host), folder_(std::move(folder)) {}

  void identify(Done<Identity> done) override {
    answer<Identity>("identify", std::move(done), [this] {
      return Identity{line_of(folder_ / "machine_id", "machine-" + folder_.filename().string()),
                      line_of(folder_ / "boot_id", "boot-1"), folder_.filename().string(),
                      line_of(folder_ / "user", "me")};
    });
  }
  void read(const grid::Needs& needs, Done<grid::Reading> done) override {
    answer<grid::Reading>("read", std::move(done), [this, needs] {
      grid::Reading reading;
      reading.taken = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::steady_clock::now().time_since_epoch());
      for (const std::string& file : needs.files)
        if (const fs::path real = folder_ / "files" / file.substr(1); fs::exists(real))
          reading.content[file] = slurp(real);
      return reading;
    });
  }
  void probe(const grid::ProbeSpec& spec, Done<grid::ProbeReport> done) override {
    answer<grid::ProbeReport>("probe", std::move(done), [this, spec] {
      grid::ProbeReport report;
      report.user = line_of(folder_ / "user", "me");
      report.path = report.path_before = (folder_ / "bin").string();
      if (spec.setup)
        for (const std::string& name : spec.setup->require) {
          const fs::path program = folder_ / "bin" / name;
          report.found_required.push_back(fs::exists(program) ? program.string() : "");
        }
      return report;
    });
  }
  void diagnose(Done<std::vector<grid::Check>> done) override {
    answer<std::vector<grid::Check>>("diagnose", std::move(done), [this] {
      using State = grid::Check::State;
      const std::map<std::string, State> states{{"good", State::good},
                                                {"warning", State::warning},
                                                {"bad", State::bad},
                                                {"skipped", State::skipped}};
      std::vector<grid::Check> checks;
      for (std::string line : lines_of(folder_ / "checks")) {
        grid::Check check;
        check.state = states.at(word(line, '|'));
        check.name = word(line, '|');
        check.text = word(line, '|');
        check.fix = line;
        checks.push_back(std::move(check));
      }
      return checks;
    });
  }
  void prepare(const grid::RunSpec&, Done<> done) override { refuse(std::move(done)); }
  void start(const grid::RunSpec&, Done<> done) override { refuse(std::move(done)); }
  void attach(const grid::Run&, Done<grid::RunState> done) override {
    answer<grid::RunState>("attach", std::move(done), [] { return grid::RunState::absent; });
  }
  void signal(const grid::Run&, std::uint32_t, int, Done<> done) override { refuse(std::move(done)); }
  void cancel(const grid::Run&, const std::vector<std::uint32_t>&, Done<> done) override {
    refuse(std::move(done));
  }
  void read_log(const grid::Run&, std::uint32_t, grid::Stream, std::uint64_t, std::uint64_t,
                Done<grid::LogChunk> done) override {
    refuse(std::move(done));
  }
  void put(const grid::Run&, std::vector<grid::FileCopy>, grid::Progress, Done<> done) override {
    refuse(std::move(done));
  }
  void list(const grid::Run&, Done<std::vector<grid::FileFact>> done) override { refuse(std::move(done)); }
  void get(const grid::Run&, std::vector<grid::FileCopy>, grid::Progress, Done<> done) override {
    refuse(std::move(done));
  }
  void forget(const grid::Run&, Done<> done) override { refuse(std::move(done)); }

 private:
  void note(const std::string& line) const { std::ofstream(folder_ / "log", std::ios::app) << line << '\n'; }

  template <class T>
  void answer(const std::string& call, Done<T> done, std::function<T()> value) {
    note(call);
    waiting_.when_gone(folder_ / "hang", [this, call, done = std::move(done), value = std::move(value)] {
      note(call + " ended");
      for (const char* file : {"fail", "untrusted"})
        if (fs::exists(folder_ / file)) {
          std::string why = line_of(folder_ / file, "NodeUnreachable no route");
          const Code code = grid::code_from_string(word(why, ' '));
          return done(fail(code, why, "", code == Code::node_unreachable));
        }
      done(value());
    });
  }
  template <class T>
  void refuse(Done<T> done) {
    waiting_.when_gone(folder_ / "hang", [done = std::move(done)] {
      done(fail(Code::usage, "the scripted transport runs nothing"));
    });
  }

  Waiting waiting_;
  fs::path folder_;
};

class Scripted final : public grid::Transport {
 public:
  explicit Scripted(grid::Host& host) : host_(host) {}
  [[nodiscard]] Result<std::unique_ptr<grid::Link>> open(const grid::NodeAddress& node,
                                                         grid::RunSink&) override {
    const fs::path folder = folder_of(node.address);
    if (!fs::is_directory(folder))
      return fail(Code::node_unreachable, "there is no folder " + folder.string());
    return std::make_unique<ScriptedLink>(host_, folder);
  }
  void host_keys(const std::string& address, Done<grid::HostKeys> done) override {
    const fs::path folder = folder_of(address);
    grid::HostKeys keys{address, (folder / "keys").string(), {}};
    for (std::string line : lines_of(folder / "keys")) {
      grid::HostKey key;
      key.type = word(line, ' ');
      key.fingerprint = word(line, ' ');
      const std::string known = word(line, ' ');
      using Known = grid::HostKey::Known;
      key.known = known == "known"     ? Known::known
                  : known == "changed" ? Known::changed
                  : known == "revoked" ? Known::revoked
                                       : Known::unknown;
      key.known_fingerprint = line;
      key.line = key.type + " " + key.fingerprint;
      keys.keys.push_back(std::move(key));
    }
    host_.post([done = std::move(done), folder, keys] {
      if (keys.keys.empty())
        return done(fail(Code::node_unreachable, "no host answers at " + folder.string()));
      done(keys);
    });
  }
  void trust_host_key(const std::string& address, const grid::HostKey& key, Done<> done) override {
    const fs::path folder = folder_of(address);
    std::string text;
    for (const std::string& line : lines_of(folder / "keys"))
      text += (line.starts_with(key.line + " ") ? key.line + " known" : line) + "\n";
    std::ofstream(folder / "keys") << text;
    fs::remove(folder / "untrusted");
    host_.post([done = std::move(done)] { done({}); });
  }

 private:
  // An address that is no path is a folder beside the others: GRID_SCRIPTED says where.
  static fs::path folder_of(const std::string& address) {
    if (address.starts_with('/')) return address;
    const char* const base = std::getenv("GRID_SCRIPTED");
    return fs::path(base == nullptr ? "/nonexistent" : base) / address;
  }
  grid::Host& host_;
};

constexpr std::span<const grid::OptionSpec> no_options;

}  // namespace

GRID_PLUGIN(transport, scripted, "1.0.0", "Behaves as files say.", Scripted, no_options, "{}\n")
