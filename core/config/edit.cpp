#include "core/config/edit.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/config/formats.hpp"
#include "core/config/yaml.hpp"

namespace grid {
namespace {

// Plain where nobody can take it for anything but a text.
std::string scalar(const std::string& word) {
  const bool plain = !word.empty() && word.front() >= 'a' && word.front() <= 'z' &&
                     node_name_format.holds(word) && word != "true" && word != "false" && word != "null" &&
                     word != "yes" && word != "no" && word != "on" && word != "off" && word != "y" &&
                     word != "n";
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::size_t begin_of_line(std::string_view text, int line) {
  std::size_t at = 0;
  for (int i = 1; i < line && at != std::string_view::npos; ++i) {
    at = text.find('\n', at);
    if (at != std::string_view::npos) ++at;
  }
  return std::min(at, text.size());
}

// After the key there is nothing but blanks and a comment.
bool ends_with_key(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::size_t next = line.find_first_not_of(" \t\r", colon + 1);
  return next == std::string_view::npos || line[next] == '#';
}

std::string end_of_line(std::string_view text) {
  return text.find("\r\n") == std::string_view::npos ? "\n" : "\r\n";
}

}  // namespace

std::string node_line(const NewNode& node) {
  std::vector<std::string> parts;
  if (!node.transport.empty()) parts.push_back("transport: " + node.transport);
  if (!node.address.empty()) parts.push_back("address: " + scalar(node.address));
  std::vector<std::string> labels;
  for (const std::string& label : node.labels) labels.push_back(scalar(label));
  if (!labels.empty()) parts.push_back(fmt::format("labels: [{}]", fmt::join(labels, ", ")));
  const std::string name = scalar(node.name) + ":";
  return parts.empty() ? name : fmt::format("{} {{ {} }}", name, fmt::join(parts, ", "));
}

Result<std::string> with_node(std::string_view text, const NewNode& node) {
  const std::string line = node_line(node);
  const YamlDocument document = read_yaml(text);
  if (!document.errors.empty()) {
    // Nothing but comments is no configuration yet.
    std::string begun(text);
    if (!begun.empty() && begun.back() != '\n') begun += end_of_line(text);
    begun += "version: 1" + end_of_line(text);
    if (read_yaml(begun).errors.empty()) return with_node(begun, node);
    return fail(Code::config_invalid, "the file cannot be read: " + document.errors.front().message,
                "see: grid config check");
  }
  const auto by_hand = [&](const std::string& why) {
    return fail(Code::resource_conflict, why, fmt::format("write it there yourself, under nodes:  {}", line));
  };
  const std::string end = end_of_line(text);
  const auto& entries = document.root.entries;
  const auto nodes = std::find_if(entries.begin(), entries.end(),
                                  [](const YamlEntry& each) { return each.name == "nodes"; });
  std::string edited(text);
  if (document.root.type != YamlNode::Type::nothing && document.root.type != YamlNode::Type::mapping)
    return by_hand("the file is no mapping");
  if (!entries.empty() && entries.front().place.column != 1)
    return by_hand("the file is written in a form that nothing can be added to safely");
  if (!text.empty() && (text.ends_with("...\n") || text.ends_with("...")))
    return by_hand("the file marks its own end");
  std::string indent = "  ";
  if (nodes == entries.end()) {
    if (!edited.empty() && edited.back() != '\n') edited += end;
    edited += "nodes:" + end + indent + line + end;
  } else {
    const std::size_t begin = begin_of_line(text, nodes->place.line);
    const std::size_t stop = text.find('\n', begin);
    if (nodes->value.type == YamlNode::Type::mapping) {
      for (const YamlEntry& each : nodes->value.entries)
        if (each.name == node.name)
          return fail(Code::resource_conflict, fmt::format("there is a node '{}' already", node.name),
                      fmt::format("change it yourself, in line {}:  {}", each.place.line, line));
      if (!nodes->value.entries.empty())
        indent = std::string(static_cast<std::size_t>(nodes->value.entries.front().place.column) - 1, ' ');
    }
    if (!ends_with_key(text.substr(begin, stop == std::string_view::npos ? stop : stop - begin)))
      return by_hand("what stands behind nodes: is on the same line, so nothing can be added safely");
    if (stop == std::string_view::npos)
      edited += end + indent + line + end;
    else
      edited.insert(stop + 1, indent + line + end);
  }
  // What was written must be what was meant.
  const YamlDocument after = read_yaml(edited);
  const auto find = [&](const YamlNode& in, const std::string& name) {
    const auto found = std::find_if(in.entries.begin(), in.entries.end(),
                                    [&](const YamlEntry& each) { return each.name == name; });
    return found == in.entries.end() ? nullptr : &found->value;
  };
  const YamlNode* const now = after.errors.empty() ? find(after.root, "nodes") : nullptr;
  const std::size_t before = nodes == entries.end() ? 0 : nodes->value.entries.size();
  const std::size_t keys = entries.size() + (nodes == entries.end() ? 1 : 0);
  if (now == nullptr || find(*now, node.name) == nullptr || now->entries.size() != before + 1 ||
      after.root.entries.size() != keys)
    return by_hand("the file is written in a form that nothing can be added to safely");
  return edited;
}

}  // namespace grid
