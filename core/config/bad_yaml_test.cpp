// What the strict reader refuses, word by word: every trap of the library beneath it is one line here.
#include <gtest/gtest.h>

#include "core/config/test_lookup.hpp"

namespace grid {
namespace {

// clang-format off: one case, three lines
const struct {
  std::string_view name;
  std::string text;
  std::string_view errors;
} cases[] = {
    {"empty", "", "f:1:1: empty; it needs at least 'version: 1'"},
    {"only_comments", "# nothing\n\n", "f:1:1: empty; it needs at least 'version: 1'"},
    {"null_document", "---\n", "f:1:1: empty; it needs at least 'version: 1'"},
    {"tilde_document", "~\n", "f:1:1: empty; it needs at least 'version: 1'"},
    {"byte_order_mark", "\357\273\277version: 1\n",
     "f:1:1: a byte order mark; save the file as UTF-8 without one"},
    {"utf16", std::string("\377\376v\000e\000", 6), "f:1:1: UTF-16 or UTF-32; save the file as UTF-8"},
    {"utf16_big_endian", std::string("\376\377\000v\000e", 6),
     "f:1:1: UTF-16 or UTF-32; save the file as UTF-8"},
    {"latin1", "version: 1\nhead: { name: caf\351 }\n", "f:2:18: not UTF-8; save the file as UTF-8"},
    {"overlong_utf8", "policy: \300\257\n", "f:1:9: not UTF-8; save the file as UTF-8"},
    {"surrogate_utf8", "policy: \355\240\200\n", "f:1:9: not UTF-8; save the file as UTF-8"},
    {"nul_byte", std::string("version: 1\npolicy: a\000b\n", 23),
     "f:2:10: a control character (0x00); in double quotes write it as an escape such as \\x00"},
    {"end_of_transmission", "version: 1\n\004policy: x\n",
     "f:2:1: a control character (0x04); in double quotes write it as an escape such as \\x04"},
    {"escape_byte", "policy: \033[2J\n",
     "f:1:9: a control character (0x1b); in double quotes write it as an escape such as \\x1b"},
    {"delete_byte", "policy: a\177b\n",
     "f:1:10: a control character (0x7f); in double quotes write it as an escape such as \\x7f"},
    {"lone_carriage_return", "version: 1\rpolicy: threshold\n",
     "f:1:11: a carriage return without a line feed; end lines with a line feed"},
    {"tab_indent", "head:\n\tname: desk\n", "f:2:1: a tab as indentation; use spaces"},
    {"tab_after_spaces", "head:\n  \tname: desk\n", "f:2:3: a tab as indentation; use spaces"},
    {"unterminated_single", "version: 1\npolicy: 'threshold\n",
     "f:2:9: policy: the quote ' opened here is never closed"},
    {"unterminated_double", "version: 1\npolicy: \"threshold\n",
     "f:2:9: policy: the quote \" opened here is never closed"},
    {"unterminated_with_escape", "policy: \"a\\\"\n",
     "f:1:9: policy: the quote \" opened here is never closed"},
    {"unterminated_doubled", "policy: 'a''\n", "f:1:9: policy: the quote ' opened here is never closed"},
    {"unterminated_key", "\"policy: threshold\n", "f:1:1: the quote \" opened here is never closed"},
    {"two_documents", "version: 1\n---\nversion: 1\n",
     "f:2:1: a second document begins here, exactly one is read; was a line indented differently by "
     "mistake?"},
    {"list_then_mapping", "- a\nb: 1\n",
     "f:2:1: a second document begins here, exactly one is read; was a line indented differently by "
     "mistake?"},
    {"dedented_tail", "  version: 1\npolicy: threshold\n",
     "f:2:1: a second document begins here, exactly one is read; was a line indented differently by "
     "mistake?"},
    {"duplicate_key", "version: 1\npolicy: threshold\nversion: 1\n",
     "f:3:1: version: the key 'version' stands here a second time, first in line 1"},
    {"duplicate_key_thrice", "policy: a\npolicy: b\npolicy: c\n",
     "f:2:1: policy: the key 'policy' stands here a second time, first in line 1\n"
     "f:3:1: policy: the key 'policy' stands here a second time, first in line 1"},
    {"duplicate_nested_key", "head: { name: a,\n  name: b }\n",
     "f:2:3: head.name: the key 'name' stands here a second time, first in line 1"},
    {"duplicate_quoted_key", "policy: a\n\"policy\": b\n",
     "f:2:1: policy: the key 'policy' stands here a second time, first in line 1"},
    {"duplicate_node", "nodes:\n  a: { transport: ssh }\n  a: { transport: ssh }\n",
     "f:3:3: nodes.a: the key 'a' stands here a second time, first in line 2"},
    {"anchor", "head: &h { name: desk }\n",
     "f:1:7: head: the anchor '&h'; anchors are not read, write the value out"},
    {"anchor_and_alias", "metrics: &m [procfs]\nplugin_folders: *m\n",
     "f:1:10: metrics: the anchor '&m'; anchors are not read, write the value out\n"
     "f:2:17: plugin_folders: the alias '*m'; aliases are not read, write the value out"},
    {"unknown_alias", "policy: *nowhere\n",
     "f:1:9: policy: the alias '*nowhere'; aliases are not read, write the value out"},
    {"alias_cycle", "head: &h\n  name: *h\n",
     "f:1:7: head: the anchor '&h'; anchors are not read, write the value out\n"
     "f:2:9: head.name: the alias '*h'; aliases are not read, write the value out"},
    {"alias_key", "head: &h a\n*h : 1\n",
     "f:1:7: head: the anchor '&h'; anchors are not read, write the value out\n"
     "f:2:1: the alias '*h'; aliases are not read, write the value out"},
    {"merge_key", "head:\n  <<: { name: desk }\n",
     "f:2:3: head.<<: the merge key '<<'; it is not read, write the keys out"},
    {"custom_tag", "policy: !secret threshold\n",
     "f:1:9: policy: the tag '!secret'; tags are not read, the key decides the type"},
    {"python_tag", "policy: !!python/object:os.system x\n",
     "f:1:9: policy: the tag '!!python/object:os.system'; tags are not read, the key decides the type"},
    {"core_tag", "version: !!int 1\n",
     "f:1:10: version: the tag '!!int'; tags are not read, the key decides the type"},
    {"verbatim_tag", "version: !<tag:yaml.org,2002:int> 1\n",
     "f:1:10: version: the tag '!<tag:yaml.org'; tags are not read, the key decides the type"},
    {"map_tag", "head: !thing { name: desk }\n",
     "f:1:7: head: the tag '!thing'; tags are not read, the key decides the type"},
    {"bare_tag", "policy: ! threshold\n",
     "f:1:9: policy: the tag '!'; tags are not read, the key decides the type"},
    {"complex_key", "? [a, b]\n: 1\n", "f:1:3: a list as a key; keys are plain words"},
    {"mapping_as_key", "{ { a: 1 }: 2 }\n", "f:1:3: a mapping as a key; keys are plain words"},
    {"null_key", "~: 1\n", "f:1:1: nothing as a key; keys are plain words"},
    {"unclosed_list", "metrics: [procfs\n",
     "f:2:1: metrics[1]: not valid YAML: end of sequence flow not found"},
    {"unclosed_mapping", "head: { name: desk\n", "f:2:1: head: not valid YAML: end of map flow not found"},
    {"stray_bracket", "metrics: procfs]\nhead: ]\n", "f:2:7: head: not valid YAML: illegal flow end"},
    {"two_colons", "policy: a: b\n", "f:1:10: not valid YAML: illegal map value"},
    {"unindented_value", "head:\n  name: desk\n run: allow\n", "f:3:2: not valid YAML: end of map not found"},
    {"at_sign", "policy: @x\n", "f:1:9: policy: not valid YAML: unknown token"},
};
// clang-format on

TEST(BadYaml, IsRefusedInTheseWords) {
  for (const auto& [name, text, errors] : cases) {
    const LoadResult result = load_text(text);
    if (result.errors.empty())
      ADD_FAILURE() << name << ": accepted";
    else
      EXPECT_EQ(result.error().message, errors) << name;
  }
}

}  // namespace
}  // namespace grid
