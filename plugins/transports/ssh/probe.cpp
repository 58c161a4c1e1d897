// What a task would find on a node: first its environment, then what is in there.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "facts.hpp"
#include "far_end.hpp"
#include "grid/sdk/run_directory.hpp"
#include "parts.hpp"

namespace grid::ssh {
namespace {

using Strings = std::vector<std::string>;

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

std::optional<std::string_view> value_in(const Strings& environment, std::string_view name) {
  for (const std::string_view entry : environment) {
    if (name_of(entry) == name && entry.size() > name.size()) return entry.substr(name.size() + 1);
  }
  return std::nullopt;
}

void add_list(Strings& arguments, const Strings& list) {
  arguments.push_back(std::to_string(list.size()));
  arguments.insert(arguments.end(), list.begin(), list.end());
}

// `path` in front of PATH; "~/" is the home there.
std::string with_path(const Strings& path, const Strings& environment, std::string_view searched) {
  const auto home = value_in(environment, "HOME");
  std::string joined;
  for (const std::string_view entry : path) {
    if (entry.starts_with("~/") && home) {
      joined += std::string(*home) + std::string(entry.substr(1)) + ':';
    } else {
      joined += std::string(entry) + ':';
    }
  }
  return joined + std::string(searched);
}

std::uint64_t free_bytes(std::string_view line) {  // of df -Pk: device blocks used available …
  std::array<std::string_view, 4> words;
  for (auto& word : words) {
    while (line.starts_with(' ')) line.remove_prefix(1);
    word = take_word(line);
  }
  std::uint64_t kib = 0;
  std::from_chars(words[3].data(), words[3].data() + words[3].size(), kib);
  return kib * 1024;
}

struct Probe {
  ProbeSpec spec;
  std::string root;
  bool own_files = false;
  ProbeReport report;
};

Result<> take_environment(Probe& probe, std::string_view output, std::string_view boundary) {
  Strings before, after;
  bool whole = false;
  for (const auto& part : split_parts(output, boundary).parts) {
    if (part.name == "before") before = environment_entries(part.bytes);
    if (part.name == "sourced") probe.report.sourced.emplace_back(part.bytes);
    if (part.name == "after") after = environment_entries(part.bytes);
    whole = whole || part.name == "after";
  }
  if (!whole) {
    if (probe.report.sourced.empty()) return fail(Code::preflight_failed, "/bin/sh did not start there");
    return fail(Code::preflight_failed, "reading " + probe.report.sourced.back() + " ended the shell",
                "it must be POSIX shell, and must not call exit");
  }
  probe.report.path_before = run_directory::search_path(before);
  probe.report.path = run_directory::search_path(after);
  if (!probe.spec.setup) return {};
  const Strings& path = probe.spec.setup->path;
  if (!path.empty()) {
    probe.report.path = with_path(path, after, probe.report.path);
    std::erase_if(after, [](const auto& entry) { return name_of(entry) == "PATH"; });
    after.push_back("PATH=" + probe.report.path);
  }
  for (auto& entry : after) {
    if (std::find(before.begin(), before.end(), entry) == before.end())
      probe.report.environment.push_back(std::move(entry));
  }
  return {};
}

void take_found(Probe& probe, std::string_view output, std::string_view boundary) {
  const Parts parts = split_parts(output, boundary);
  probe.report.user = parts.before;
  std::size_t programs = 0, folders = 0;
  for (const auto& part : parts.parts) {
    if (part.name == "marker") probe.report.marker_seen = !probe.own_files;
    if (part.name == "free") probe.report.free_bytes = free_bytes(part.bytes);
    if (part.name == "program") {
      (programs++ < probe.spec.programs.size() ? probe.report.found : probe.report.found_required)
          .emplace_back(part.bytes);
    }
    if (part.name == "folder" && folders < probe.spec.folders.size()) {
      if (part.bytes.empty()) probe.report.missing_folders.push_back(probe.spec.folders[folders]);
      ++folders;
    }
  }
}

void find(const Verbs& verbs, const std::shared_ptr<Probe>& probe, Done<ProbeReport> done) {
  const std::string boundary = random_token();
  Strings arguments{boundary, probe->root, probe->spec.marker, probe->report.path};
  Strings programs = probe->spec.programs;
  if (probe->spec.setup)
    programs.insert(programs.end(), probe->spec.setup->require.begin(), probe->spec.setup->require.end());
  add_list(arguments, programs);
  arguments.insert(arguments.end(), probe->spec.folders.begin(), probe->spec.folders.end());
  verbs.ask(request("find", std::move(arguments)),
            [boundary, probe, done = std::move(done)](Result<Answer> answer) {
              if (!answer) return done(fail(answer.error()));
              take_found(*probe, answer->output, boundary);
              done(std::move(probe->report));
            });
}

}  // namespace

std::vector<std::string> environment_entries(std::string_view text) {
  Strings entries;
  while (!text.empty()) {
    const auto entry = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const auto name = name_of(entry);
    // What the shell that was asked sets by itself.
    if (name.empty() || name == "PWD" || name == "OLDPWD" || name == "SHLVL" || name == "_") continue;
    entries.emplace_back(entry);
  }
  return entries;
}

void ask_probe(const Verbs& verbs, const ProbeSpec& spec, const std::string& root, bool own_files,
               Done<ProbeReport> done) {
  const auto probe = std::make_shared<Probe>(Probe{spec, root, own_files, {}});
  const std::string boundary = random_token();
  std::string inherited;
  for (const auto& name : spec.inherit) {
    if (!value_in(spec.environment, name)) inherited += (inherited.empty() ? "" : " ") + name;
  }
  Strings arguments{boundary, inherited};
  add_list(arguments, spec.environment);
  add_list(arguments, spec.setup ? spec.setup->variables : Strings());
  if (spec.setup) arguments.insert(arguments.end(), spec.setup->source.begin(), spec.setup->source.end());
  verbs.ask(request("environment", std::move(arguments)),
            [&verbs, probe, boundary, done = std::move(done)](Result<Answer> answer) {
              // A file that was read may have made the shell end in any way; what came says how far it got.
              if (!answer && answer.error().code != Code::storage_failed) return done(fail(answer.error()));
              const std::string none;
              if (auto taken = take_environment(*probe, answer ? answer->output : none, boundary); !taken)
                return done(fail(taken.error()));
              find(verbs, probe, done);
            });
}

}  // namespace grid::ssh
