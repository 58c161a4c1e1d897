// grid node add
#include <sys/stat.h>

#include <filesystem>

#include <fmt/format.h>

#include "apps/grid/commands/commands.hpp"
#include "apps/grid/commands/node_keys.hpp"
#include "core/base/files.hpp"
#include "core/config/edit.hpp"
#include "core/config/formats.hpp"
#include "core/config/load.hpp"
#include "core/config/trusted_file.hpp"
#include "core/config/yaml.hpp"
#include "core/loop/nodes.hpp"

namespace grid::cli {
namespace {

namespace fs = std::filesystem;

// What the change itself brings, and not what was wrong before.
Result<> check_change(Context& context, const std::string& file, const std::string& before,
                      const std::string& after) {
  const auto errors = [&](const std::string& text) {
    return load_config_texts({{file, text}}, "", context.option_lookup()).errors;
  };
  const auto old = errors(before);
  for (const ConfigError& now : errors(after)) {
    bool was = false;
    for (const ConfigError& each : old) was = was || (each.path == now.path && each.message == now.message);
    if (!was) return fail(Code::config_invalid, now.path + ": " + now.message, "nothing was written");
  }
  return {};
}

Result<> write_change(Context& context, const fs::path& file, const NewNode& node) {
  std::error_code error;
  const fs::path real = fs::exists(file, error) ? fs::canonical(file, error) : file;
  const auto read = read_trusted_file(real, yaml_max_bytes);
  if (!read && read.error().code != Code::not_found) return fail(read.error());
  const std::string before = read ? *read : "version: 1\n";
  const auto after = with_node(before, node);
  if (!after)
    return fail(after.error().code, real.string() + ": " + after.error().message, after.error().hint);
  if (auto good = check_change(context, real.string(), before, *after); !good) return good;
  struct stat found {};
  constexpr std::uint32_t new_file = 0644;
  const std::uint32_t mode = ::stat(real.c_str(), &found) == 0 ? found.st_mode & 0777U : new_file;
  fs::create_directories(real.parent_path(), error);
  return write_file(real, *after, mode);
}

}  // namespace

Result<int> node_add(Context& context) {
  NewNode node;
  node.name = *context.arguments.positional(0);
  node.address = context.arguments.positional(1).value_or("");
  node.transport = context.arguments.text("transport").value_or("");
  node.labels = context.arguments.list("label");
  if (!node_name_format.holds(node.name))
    return fail(Code::usage, fmt::format("NAME: expected {}, got '{}'", node_name_format.expected, node.name),
                "an address comes second: grid node add gpu1 me@10.0.0.11");
  if (auto good = check_address(node.address.empty() ? node.name : node.address); !good)
    return fail(good.error());
  for (const std::string& label : node.labels)
    if (!word_format.holds(label))
      return fail(Code::usage, fmt::format("--label: expected {}, got '{}'", word_format.expected, label));
  if (auto config = context.config(); !config) return fail(config.error());
  const fs::path file = fs::absolute(context.load_request().file.value_or(context.dirs.config / "grid.yaml"));
  if (auto written = write_change(context, file, node); !written) return fail(written.error());
  Json answer{{"schema", "grid/node-added/1"},
              {"node", node.name},
              {"file", file.string()},
              {"line", node_line(node)},
              {"live", false},
              {"trusted", nullptr},
              {"hint", ""}};

  const auto live = context.post("/v1/nodes", Json{{"name", node.name}});
  answer["live"] = live.has_value();
  if (!live)
    answer["hint"] =
        live.error().hint.empty() ? live.error().message : live.error().message + "; " + live.error().hint;
  const auto finish = [&]() -> Result<int> {
    if (auto shown = context.show(answer); !shown) return fail(shown.error());
    return 0;
  };
  if (!live) return finish();
  const auto keys = context.get(host_keys_target(node.name));
  if (!keys) {
    // A transport without host keys has nothing to trust.
    if (keys.error().code != Code::usage)
      answer["hint"] = fmt::format("its host key could not be looked at: {}; later: grid node trust {}",
                                   keys.error().message, node.name);
    return finish();
  }
  const auto trusted = trust_keys(context, node.name, *keys, "");
  if (!trusted && trusted.error().code != Code::policy_denied) return fail(trusted.error());
  answer["trusted"] = trusted.has_value();
  if (!trusted) answer["hint"] = "its host key is not trusted yet: grid node trust " + node.name;
  return finish();
}

}  // namespace grid::cli
