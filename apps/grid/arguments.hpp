// What a command was given, checked against its table. [any]
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/grid/options.hpp"

namespace grid::cli {

// Whether `word` is what `type` asks for; `what` names it in the message. Error: usage.
Result<> check_word(ArgType type, std::string_view what, std::string_view word, std::string_view choices = {},
                    double minimum = 0, double maximum = std::numeric_limits<double>::infinity());

class Arguments {
 public:
  void add(const Option& option, std::string value);
  void add_positional(std::string word) { positionals_.push_back(std::move(word)); }

  // Asking for a name that the table does not have is a defect and answers "not given".
  [[nodiscard]] bool has(std::string_view name) const;
  // The last value given, else the default of the table.
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
  // Numbers as they are, durations in seconds, sizes in bytes.
  [[nodiscard]] std::optional<double> number(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& positionals() const { return positionals_; }
  [[nodiscard]] std::optional<std::string> positional(std::size_t index) const;

  const Command* command = nullptr;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positionals_;
};

}  // namespace grid::cli
