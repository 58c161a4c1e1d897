#include "core/config/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include <fmt/format.h>

#include "core/config/yaml_scan.hpp"

namespace grid {
namespace {

struct Stop {};  // ends the parse from inside a callback; never leaves read_yaml

// Takes the parser's events rather than its tree: nothing is expanded, and the limits hold before memory is
// spent.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view bytes, YamlDocument& document) : bytes_(bytes), document_(document) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    complain(
        place(mark),
        "a second document begins here, exactly one is read; was a line indented differently by mistake?");
    throw Stop{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    add(make(mark, YamlNode::Type::nothing));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    complain(place(mark),
             fmt::format("the alias '{}'; aliases are not read, write the value out", word(mark)));
    if (awaits_name()) throw Stop{};
    add(make(mark, YamlNode::Type::nothing));
  }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    complain(place(mark), fmt::format("the anchor '&{}'; anchors are not read, write the value out", name));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    refuse_tag(mark, tag);
    YamlNode node = make(mark, YamlNode::Type::scalar);
    node.quoted = tag == "!";
    const char first = word(mark).empty() ? ' ' : word(mark).front();
    if (node.quoted && (first == '"' || first == '\'') && !quote_is_closed(bytes_, offset(mark))) {
      complain(node.place, fmt::format("the quote {} opened here is never closed", first));
      throw Stop{};
    }
    node.text = value;
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, YamlNode::Type::sequence);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, YamlNode::Type::mapping);
  }
  void OnMapEnd() override { close(); }

  void syntax_error(const YAML::Exception& error) {
    if (!error.mark.is_null() && word(error.mark).starts_with('*'))  // of an anchor that was never set
      complain(place(error.mark),
               fmt::format("the alias '{}'; aliases are not read, write the value out", word(error.mark)));
    else
      complain(place(error.mark), "not valid YAML: " + error.msg);
  }

 private:
  // A sequence or mapping that is not complete yet.
  struct Level {
    YamlNode node;
    bool named = false;  // of a mapping: the name came, the value is next
    std::string name;
    YamlPlace name_place;
    std::map<std::string, int> lines;  // of the names so far
  };

  [[nodiscard]] std::size_t offset(const YAML::Mark& mark) const {
    return mark.is_null() ? 0 : std::min(static_cast<std::size_t>(mark.pos), bytes_.size());
  }
  // Marks mostly come in order: counting goes on from the one before, or one long line would cost its square.
  YamlPlace place(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    if (mark.line + 1 != last_.line || offset(mark) < last_offset_) {
      last_ = {mark.line + 1, 1};
      last_offset_ = offset(mark) - std::min(offset(mark), static_cast<std::size_t>(mark.column));
    }
    last_.column +=
        yaml_place(bytes_.substr(last_offset_, offset(mark) - last_offset_), bytes_.size()).column - 1;
    last_offset_ = offset(mark);
    return last_;
  }
  // What stands at `mark`, up to the next blank.
  [[nodiscard]] std::string_view word(const YAML::Mark& mark) const {
    const std::string_view rest = bytes_.substr(offset(mark), 64);
    return rest.substr(0, rest.find_first_of(" \t\r\n,]}"));
  }

  [[nodiscard]] std::string path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.node.type == YamlNode::Type::sequence)
        path += fmt::format("[{}]", level.node.items.size());
      else if (level.named)
        path += (path.empty() ? "" : ".") + level.name;
    }
    return path;
  }

  void complain(YamlPlace where, std::string message) {
    document_.errors.push_back({where, path(), std::move(message)});
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (word(mark).starts_with('!'))
      complain(place(mark),
               fmt::format("the tag '{}'; tags are not read, the key decides the type", word(mark)));
    else if (!tag.empty() && tag != "!" && tag != "?")
      complain(place(mark), fmt::format("the tag '{}'; tags are not read, the key decides the type", tag));
  }

  YamlNode make(const YAML::Mark& mark, YamlNode::Type type) {
    if (++nodes_ > yaml_max_nodes) {
      complain(place(mark),
               fmt::format("more than {} values, the limit for a configuration", yaml_max_nodes));
      throw Stop{};
    }
    YamlNode node;
    node.type = type;
    node.place = place(mark);
    return node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YamlNode::Type type) {
    refuse_tag(mark, tag);
    if (levels_.size() == yaml_max_depth) {
      complain(place(mark),
               fmt::format("nested deeper than {} levels, the limit for a configuration", yaml_max_depth));
      throw Stop{};
    }
    if (awaits_name()) bad_name(make(mark, type));
    levels_.emplace_back().node = make(mark, type);
  }

  [[nodiscard]] bool awaits_name() const {
    return !levels_.empty() && levels_.back().node.type == YamlNode::Type::mapping && !levels_.back().named;
  }

  void close() {
    YamlNode node = std::move(levels_.back().node);
    levels_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (levels_.empty()) {
      document_.root = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.type == YamlNode::Type::sequence) {
      level.node.items.push_back(std::move(node));
    } else if (!level.named) {
      begin_entry(level, std::move(node));
    } else {
      level.named = false;
      level.node.entries.push_back({std::move(level.name), level.name_place, std::move(node)});
    }
  }

  [[noreturn]] void bad_name(const YamlNode& node) {
    complain(node.place, fmt::format("{} as a key; keys are plain words", to_string(node.type)));
    throw Stop{};
  }

  void begin_entry(Level& level, YamlNode node) {
    if (node.type != YamlNode::Type::scalar) bad_name(node);
    level.name = std::move(node.text);
    level.name_place = node.place;
    const auto [first, is_new] = level.lines.try_emplace(level.name, node.place.line);
    level.named = true;
    if (!is_new)
      complain(node.place, fmt::format("the key '{}' stands here a second time, first in line {}", level.name,
                                       first->second));
    if (level.name == "<<" && !node.quoted)
      complain(node.place, "the merge key '<<'; it is not read, write the keys out");
  }

  std::string_view bytes_;
  YamlDocument& document_;
  std::vector<Level> levels_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
  YamlPlace last_{0, 0};
  std::size_t last_offset_ = 0;
};

void parse(std::string_view bytes, YamlDocument& document) {
  Builder builder(bytes, document);
  try {
    std::istringstream stream{std::string(bytes)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    // the complaint is made
  } catch (const YAML::Exception& error) {
    builder.syntax_error(error);
  } catch (const std::exception& error) {
    document.errors.push_back({{}, {}, fmt::format("not valid YAML: {}", error.what())});
  }
}

}  // namespace

YamlDocument read_yaml(std::string_view bytes) {
  YamlDocument document;
  if (auto error = scan_yaml(bytes)) {
    document.errors.push_back(std::move(*error));
    return document;
  }
  parse(bytes, document);
  if (document.errors.empty() && document.root.type == YamlNode::Type::nothing)
    document.errors.push_back({{}, {}, "empty; it needs at least 'version: 1'"});
  return document;
}

std::string_view to_string(YamlNode::Type type) noexcept {
  switch (type) {
    case YamlNode::Type::nothing:
      return "nothing";
    case YamlNode::Type::scalar:
      return "a single value";
    case YamlNode::Type::sequence:
      return "a list";
    case YamlNode::Type::mapping:
      return "a mapping";
  }
  return "";
}

}  // namespace grid
