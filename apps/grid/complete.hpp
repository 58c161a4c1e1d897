// Completion: the shells' scripts ask `grid __complete WORDS…`, which answers from the table. [any]
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/grid/options.hpp"

namespace grid::cli {

struct Completion {
  std::string word;
  std::string help;  // what shells that can show beside it
};

struct Completions {
  std::vector<Completion> words;
  bool files = false;     // names of files, too
  bool programs = false;  // names of programs, too
};

// What is only known at run time: executions, nodes, processes, plugins. Answers all of them.
using CompletionSource = std::function<std::vector<Completion>(ArgType type)>;

// `words`: those after `grid`; the last one is being typed and may be empty. Bash breaks words at `=`, so
// `--original = pa` means `--original=pa`, and the answer is the value alone.
[[nodiscard]] Completions complete_words(std::vector<std::string> words, const CompletionSource& source);

// "word<TAB>help" a line, then ":files" or ":programs" where they count.
[[nodiscard]] std::string to_lines(const Completions& completions);

// The script for "bash", "zsh" or "fish".
[[nodiscard]] std::string_view completion_script(std::string_view shell) noexcept;

}  // namespace grid::cli
