// Requests to a node whose failures are errors: whatever a verb complains about becomes an Error with the
// node's name.
#pragma once

#include <string>

#include "shell.hpp"

namespace grid::ssh {

// [loop] Outlives what it was asked.
class Verbs {
 public:
  Verbs(Shell& shell, std::string node) : shell_(shell), node_(std::move(node)) {}

  // Error: as Shell::ask(), or what the verb refused.
  void ask(Request request, Done<Answer> done) const;
  // Of a verb that may need the shim's text in the run root `root`: sent when it is not there yet.
  void ask_with_shim(const std::string& root, Request request, Done<Answer> done) const;
  [[nodiscard]] const std::string& node() const noexcept { return node_; }

 private:
  void settle(const std::string& verb, Result<Answer> answer, const Done<Answer>& done) const;

  Shell& shell_;
  std::string node_;
};

// Names the shim's text, as do_start takes it.
[[nodiscard]] const std::string& shim_hash();

[[nodiscard]] inline Request request(std::string verb, std::vector<std::string> arguments,
                                     std::string body = {}) {
  Request made;
  made.verb = std::move(verb);
  made.arguments = std::move(arguments);
  made.body = std::move(body);
  return made;
}

}  // namespace grid::ssh
