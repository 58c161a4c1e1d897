// The JSON Schema, the reference and the first file say what the reader does: all come from one table.
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "core/base/files.hpp"
#include "core/config/formats.hpp"
#include "core/config/show.hpp"
#include "core/config/test_lookup.hpp"
#include "core/config/value.hpp"

namespace grid {
namespace {

namespace fs = std::filesystem;

const std::vector<PluginName> plugins{
    {Kind::policy, "threshold"}, {Kind::renderer, "zoo"}, {Kind::metrics, "procfs"}};

Json to_json(const YamlNode& node) {
  switch (node.type) {
    case YamlNode::Type::nothing:
      return nullptr;
    case YamlNode::Type::scalar: {
      if (node.quoted) return node.text;
      const auto plain = parse_json(node.text);  // as an editor would: numbers and true are no texts
      return plain && plain->is_primitive() ? *plain : Json(node.text);
    }
    case YamlNode::Type::sequence: {
      Json list = Json::array();
      for (const YamlNode& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case YamlNode::Type::mapping:
      break;
  }
  Json object = Json::object();
  for (const YamlEntry& entry : node.entries) object[entry.name] = to_json(entry.value);
  return object;
}

int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct Example {
  const char* name;
  std::string text;
  bool good;  // for the schema; the reader accepts exactly the good ones, too
};

std::vector<Example> examples() {
  std::vector<Example> all{
      {"init", config_init_text("/x/schema.json"), true},
      {"zoo",
       "plugins:\n  renderer.zoo: { flag: true, count: 3, ratio: 0.5, title: 5, wait: 1.5h, room: 2M, mode: "
       "slow, "
       "files: [a, 1] }\n",
       true},
      {"nodes",
       "nodes:\n  a: { transport: ssh, labels: [gpu, 5], environments: { node: { variables: { A: 1 } } } }\n"
       "  s: { transport: local, simulated: true, cpus: 4, memory: 8589934592 }\nenvironments: { node: {} "
       "}\n",
       true},
      {"nodes_bare", "nodes: { gpu1: , s: { simulated: true, cpus: 1, memory: 1G } }\n", true},
      {"node_paths", "nodes: { a: { paths: { /home/me/data: /srv/data, / : /x/..y } } }\n", true},
      {"node_path_key", "nodes: { a: { paths: { data: /srv } } }\n", false},
      {"node_path_dot", "nodes: { a: { paths: { /data: /srv/. } } }\n", false},
      {"node_path_up", "nodes: { a: { paths: { /../data: /srv } } }\n", false},
      {"allow", "offload: { allow: [{ command: \"python*\", loss: allowed }, { command: /usr/bin/node }] }\n",
       true},
      {"nothing", "nodes:\nplugins:\noffload:\n  allow:\n", true},
      {"unknown_key", "polcy: threshold\n", false},
      {"unknown_option", "plugins: { policy.threshold: { cpu_hihg: 0.5 } }\n", false},
      {"option_range", "plugins: { policy.threshold: { cpu_high: 1.5 } }\n", false},
      {"quoted_number", "head: { cpus: \"5\" }\n", false},
      {"duration_unit", "offload: { cooldown: 5 }\n", false},
      {"size_unit", "head: { memory: 8X }\n", false},
      {"node_name", "nodes: { GPU1: { transport: ssh } }\n", false},
      {"choice", "head: { run: maybe }\n", false},
      {"version", "version: 2\n", false},
      {"rule_command", "offload: { allow: [{ loss: allowed }] }\n", false},
      {"path", "plugin_folders: [relative]\n", false},
  };
  for (const auto& entry : fs::directory_iterator(fs::path(GRID_SOURCE_DIR) / "config"))
    if (entry.path().extension() == ".yaml") all.push_back({"profile", *read_file(entry.path()), true});
  return all;
}

TEST(Schema, ReaderAndSchemaAgreeOnEveryExample) {
  std::string folder = (fs::temp_directory_path() / "grid-schema-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  Json batch{{"schema", config_schema(test_lookup, plugins)}, {"examples", Json::array()}};
  for (const Example& example : examples()) {
    const LoadResult result = load_text(example.text);
    EXPECT_EQ(result.errors.empty(), example.good)
        << example.name << (result.errors.empty() ? "" : result.error().message);
    batch["examples"].push_back(
        {{"name", example.name}, {"good", example.good}, {"value", to_json(read_yaml(example.text).root)}});
  }
  ASSERT_TRUE(write_file(folder + "/batch.json", dump_json(batch)));
  ASSERT_TRUE(write_file(folder + "/check.py", R"(import json, sys
try: import jsonschema
except ImportError: sys.exit(77)
batch = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(batch["schema"])
validator = jsonschema.Draft7Validator(batch["schema"])
wrong = 0
for example in batch["examples"]:
    errors = [e.message for e in validator.iter_errors(example["value"])]
    if (not errors) != example["good"]:
        print(example["name"], errors)
        wrong = 1
sys.exit(wrong)
)"));
  const int code = run("python3 '" + folder + "/check.py' '" + folder + "/batch.json'");
  fs::remove_all(folder);
  if (code == 77 || code == 127) GTEST_SKIP() << "python3-jsonschema is not installed";
  EXPECT_EQ(code, 0);
}

TEST(Schema, DescribesPluginsExactlyOrLeavesThemOpen) {
  const Json known = config_schema(test_lookup, plugins);
  const Json& options = known["properties"]["plugins"]["properties"];
  EXPECT_EQ(options["policy.threshold"]["properties"]["cpu_high"]["default"], 0.85);
  EXPECT_EQ(options["policy.threshold"]["properties"]["sustain"]["default"], "20s");
  EXPECT_EQ(options["renderer.zoo"]["properties"]["mode"]["enum"], (Json{"fast", "slow"}));
  EXPECT_TRUE(config_schema({}, plugins)["properties"]["plugins"]["properties"]["policy.threshold"].empty());
}

void expect_documented(const ObjectSpec& spec, const std::string& path, const std::string& reference) {
  for (const KeySpec& key : spec.keys) {
    const std::string key_path = join_path(path, key.option.name);
    EXPECT_FALSE(key.option.doc.empty()) << key_path;
    EXPECT_NE(reference.find("| `" + key_path), std::string::npos) << key_path;
    if (key.shape == Shape::objects_by_name) expect_documented(*key.child, key_path + ".NAME", reference);
    if (key.shape == Shape::objects_in_list) expect_documented(*key.child, key_path + "[]", reference);
    if (key.shape == Shape::object) expect_documented(*key.child, key_path, reference);
  }
}

TEST(Schema, TheReferenceHasEveryKey) {
  const std::string reference = config_reference();
  expect_documented(config_schema_table(), "", reference);
  EXPECT_NE(reference.find("| `offload.cooldown` | duration | `10m` |"), std::string::npos);
  EXPECT_NE(reference.find("| `daemon.retention_bytes` | size | `256M` |"), std::string::npos);
  EXPECT_NE(reference.find("| `default_transport` | text | `ssh` |"), std::string::npos);
}

// Every default is one the reader would accept at that key.
void expect_defaults_hold(const ObjectSpec& spec, const std::string& path) {
  for (const KeySpec& key : spec.keys) {
    const std::string key_path = join_path(path, key.option.name);
    if (key.child != nullptr) expect_defaults_hold(*key.child, key_path);
    if (key.shape != Shape::value) continue;
    const auto value = key.get(spec.defaults, key.option);
    if (!value || *value == Value(std::string())) continue;
    YamlNode node;
    if (const auto* list = std::get_if<std::vector<std::string>>(&*value)) {
      node.type = YamlNode::Type::sequence;
      for (const std::string& text : *list) {
        node.items.emplace_back().type = YamlNode::Type::scalar;
        node.items.back().text = text;
      }
    } else {
      node.type = YamlNode::Type::scalar;
      node.text = value_to_text(key.option, *value);
    }
    std::vector<YamlError> errors;
    if (key_path == "offload.allow.command" || key_path == "nodes.transport") continue;
    const auto read = read_value(key.option, key.format, node, key_path, errors);
    ASSERT_TRUE(read) << key_path << ": " << errors.front().message;
    EXPECT_EQ(*read, *value) << key_path;
  }
}

TEST(Schema, DefaultsAreWhatTheReaderAccepts) { expect_defaults_hold(config_schema_table(), ""); }

TEST(Schema, TheFirstFileIsShortAndLoads) {
  const std::string text = config_init_text("file:///x/grid.schema.json");
  EXPECT_TRUE(text.starts_with("# yaml-language-server: $schema=file:///x/grid.schema.json\n"));
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 25);
  EXPECT_EQ(load_text(text).errors.size(), 0U);
  // What is commented out is right, too.
  std::string all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line); all += line + "\n")
    if (line.starts_with("  ")) line.erase(std::min(line.find("# "), line.size()), 2);
  const LoadResult result = load_text(all);
  EXPECT_EQ(result.errors.empty() ? "" : result.error().message, "") << all;
  EXPECT_EQ(result.config.nodes.size(), 2U) << all;
  EXPECT_EQ(result.config.offload.allow.size(), 2U) << all;
}

TEST(Schema, ValuesAreWrittenAsPeopleDo) {
  const OptionSpec duration{.name = "d", .type = OptionType::duration};
  const OptionSpec size{.name = "s", .type = OptionType::size};
  for (const auto& [seconds, text] : std::initializer_list<std::pair<double, const char*>>{{600, "10m"},
                                                                                           {90, "90s"},
                                                                                           {0.5, "0.5s"},
                                                                                           {0, "0s"},
                                                                                           {86400, "1d"},
                                                                                           {7200, "2h"},
                                                                                           {1.25, "1.25s"}}) {
    EXPECT_EQ(value_to_text(duration, seconds), text);
    EXPECT_EQ(parse_duration(text).value_or(-1), seconds);
  }
  for (const auto& [bytes, text] :
       std::initializer_list<std::pair<std::int64_t, const char*>>{{0, "0"},
                                                                   {1000, "1000"},
                                                                   {1024, "1K"},
                                                                   {256 << 20, "256M"},
                                                                   {std::int64_t{8} << 30, "8G"},
                                                                   {std::int64_t{1} << 50, "1024T"}}) {
    EXPECT_EQ(value_to_text(size, bytes), text);
    EXPECT_EQ(parse_size(text).value_or(-1), bytes);
  }
}

TEST(Show, ChecksAsDocumented) {
  const Json json = check_to_json(load_text("polcy: a\n"));
  EXPECT_EQ(json, (Json{{"schema", "grid/config-check/1"},
                        {"files", {"f"}},
                        {"errors",
                         {{{"file", "f"},
                           {"line", 1},
                           {"column", 1},
                           {"path", "polcy"},
                           {"message", "unknown key; did you mean 'policy'?"}}}}}));
}

TEST(Show, ShowsDefaultsToo) {
  const Json json = config_to_json(load_text("policy: threshold\n"));
  EXPECT_EQ(json["schema"], "grid/config/1");
  EXPECT_EQ(json["origins"], (Json{{"policy", "f:1:1"}}));
  EXPECT_EQ(json["values"]["policy"], "threshold");
  EXPECT_EQ(json["values"]["head.name"], "desk");
  EXPECT_EQ(json["values"]["offload.cooldown"], "10m");
  EXPECT_EQ(json["values"]["offload.allow"], Json::array());
  EXPECT_FALSE(json["values"].contains("run_root"));
}

}  // namespace
}  // namespace grid
