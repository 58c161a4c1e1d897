#include "core/config/load.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>

#include <fmt/format.h>

#include "core/config/trusted_file.hpp"
#include "core/config/value.hpp"
#include "core/config/walk.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid {
namespace fs = std::filesystem;
namespace {

std::string host_name() {
  std::array<char, 256> buffer{};
  return ::gethostname(buffer.data(), buffer.size() - 1) == 0 ? std::string(buffer.data()) : std::string();
}

// Of paths on this machine. Those on nodes stay as they are: there, ~ is another home.
void expand_home(std::string& path) {
  const char* home = std::getenv("HOME");
  if (path.starts_with("~/") && home != nullptr) path.replace(0, 1, home);
}

void expand_home(Config& config) {
  expand_home(config.run_root);
  expand_home(config.head.file_root);
  for (std::string& folder : config.plugin_folders) expand_home(folder);
  for (auto& [name, node] : config.nodes) {
    if (!node.simulated) continue;
    expand_home(node.directory);
    expand_home(node.file_root);
    expand_home(node.run_root);
  }
}

// What the files leave to be concluded from what they say.
void fill_in(Config& config, std::string_view host) {
  if (config.head.name.empty()) config.head.name = node_name_from_host(host);
  for (auto& [name, node] : config.nodes)
    if (node.transport.empty()) node.transport = node.simulated ? local_transport : config.default_transport;
}

struct Layers {
  std::vector<ConfigText> texts;
  std::vector<ConfigError> errors;

  // False when there is no such file.
  bool add(const fs::path& path) {
    auto text = read_trusted_file(path, yaml_max_bytes);
    if (text) {
      texts.push_back({path.string(), std::move(*text)});
      return true;
    }
    const Error& error = text.error();
    if (error.code == Code::not_found) return false;
    complain(path, error.hint.empty() ? error.message : error.message + "; to mend it: " + error.hint);
    return true;
  }

  void complain(const fs::path& path, std::string message) {
    errors.push_back({path.string(), 0, 0, {}, std::move(message)});
  }
};

std::vector<std::string> profiles_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".yaml") names.push_back(entry->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

void add_profile(Layers& layers, const LoadRequest& request) {
  const bool is_path = request.profile.find('/') != std::string::npos;
  const fs::path path =
      is_path ? fs::path(request.profile) : request.dirs.share / (request.profile + ".yaml");
  if (layers.add(path)) return;
  const auto known = profiles_in(request.dirs.share);
  std::string message = fmt::format("there is no profile '{}'", request.profile);
  if (const std::string guess = did_you_mean(request.profile, known); !guess.empty())
    message += guess;
  else if (!known.empty())
    message += fmt::format("; known are {}", fmt::join(known, ", "));
  layers.complain(path, message);
}

// File content in a complaint: of bounded length, and harmless to a terminal.
std::string presentable(std::string text) {
  constexpr std::size_t longest = 400;
  if (text.size() > longest) text = text.substr(0, longest) + "...";
  return visible(text);
}

std::string origin_text(const std::vector<std::string>& files, const Origin& origin) {
  return fmt::format("{}:{}:{}", files[origin.layer], origin.place.line, origin.place.column);
}

}  // namespace

LoadRequest load_request_from_environment() {
  LoadRequest request;
  request.dirs = find_dirs();
  const char* profile = std::getenv("GRID_PROFILE");
  if (profile != nullptr && profile[0] != '\0') request.profile = profile;
  const char* file = std::getenv("GRID_CONFIG");
  if (file != nullptr && file[0] != '\0') request.file = file;
  return request;
}

std::string to_string(const ConfigError& error) {
  std::string text = error.file;
  if (error.line > 0) text += fmt::format("{}{}:{}", text.empty() ? "" : ":", error.line, error.column);
  if (!error.path.empty()) text += (text.empty() ? "" : ": ") + error.path;
  return text + (text.empty() ? "" : ": ") + error.message;
}

Error LoadResult::error() const {
  std::string message;
  for (const ConfigError& each : errors) message += (message.empty() ? "" : "\n") + to_string(each);
  return {Code::config_invalid, std::move(message), "see: grid config check", "config"};
}

LoadResult load_config_texts(const std::vector<ConfigText>& layers, std::string_view host,
                             const OptionLookup& lookup) {
  LoadResult result;
  Walk walk{result.config, {}, {}, {}};
  bool complete = true;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    result.files.push_back(layers[i].file);
    YamlDocument document = read_yaml(layers[i].text);
    complete = complete && document.errors.empty();
    if (document.errors.empty())
      walk_layer(walk, i, document.root, lookup);
    else
      for (YamlError& error : document.errors) walk.errors.push_back({i, std::move(error)});
  }
  fill_in(result.config, host);
  // With a file unread, what is missing or does not agree may be said there.
  if (complete) check_config(walk, lookup);
  expand_home(result.config);

  for (const auto& [path, origin] : walk.origins) result.origins[path] = origin_text(result.files, origin);
  result.unchecked = std::move(walk.unchecked);
  std::stable_sort(walk.errors.begin(), walk.errors.end(), [](const LayerError& a, const LayerError& b) {
    return std::tuple(a.layer, a.error.place.line, a.error.place.column) <
           std::tuple(b.layer, b.error.place.line, b.error.place.column);
  });
  for (LayerError& each : walk.errors) {
    const bool placed = each.error.place.line > 0;
    result.errors.push_back({placed ? result.files[each.layer] : "", each.error.place.line,
                             each.error.place.column, presentable(std::move(each.error.path)),
                             presentable(std::move(each.error.message))});
  }
  return result;
}

LoadResult load_config(const LoadRequest& request, const OptionLookup& lookup) {
  Layers layers;
  add_profile(layers, request);
  layers.add(request.system_file);
  if (!request.file)
    layers.add(request.dirs.config / "grid.yaml");
  else if (!layers.add(*request.file))
    layers.complain(*request.file, "no such file");
  LoadResult result = load_config_texts(layers.texts, host_name(), lookup);
  // A file that may not be read is the first thing to mend; what the others lack because of it is no news.
  result.errors.insert(result.errors.begin(), layers.errors.begin(), layers.errors.end());
  return result;
}

}  // namespace grid
