// What the plugins of the zoo do wrong, chosen by their options: the deed, and the call in which it happens.
#pragma once

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "grid/sdk/options.hpp"

namespace zoo {

inline constexpr grid::OptionSpec options[] = {
    {.name = "deed",
     .type = grid::OptionType::choice,
     .default_text = "nothing",
     .doc = "What it does.",
     .choices = "nothing|throws|throws_a_number|hangs|reads_null|divides|aborts|overflows|leaves"},
    {.name = "in", .type = grid::OptionType::text, .doc = "The call in which it does it."},
    {.name = "begun", .type = grid::OptionType::text, .doc = "A file that it makes before."},
    {.name = "until", .type = grid::OptionType::text, .doc = "A file that ends a hang."},
};

inline bool exists(const std::string& path) { return !path.empty() && ::access(path.c_str(), F_OK) == 0; }

inline void hang(const std::string& until = {}) {
  while (!exists(until)) ::usleep(2000);
}

// Neither optimised away nor seen through.
inline int overflow(int depth) {
  volatile char room[4096] = {};
  room[0] = static_cast<char>(depth);
  return room[1] != 0 ? 0 : overflow(depth + 1) + room[0];
}

class Deeds {
 public:
  void configure(const grid::Options& given) {
    deed_ = given.text("deed");
    in_ = given.text("in");
    begun_ = given.text("begun");
    until_ = given.text("until");
  }

  void at(std::string_view call) const {
    if (call != in_) return;
    if (!begun_.empty()) std::ofstream(begun_) << call;
    if (deed_ == "throws") throw std::runtime_error("thrown on purpose");
    if (deed_ == "throws_a_number") throw 7;
    if (deed_ == "hangs") hang(until_);
    if (deed_ == "reads_null") {
      const volatile int* volatile nothing = nullptr;
      (void)*nothing;
    }
    if (deed_ == "divides") ::raise(SIGFPE);
    if (deed_ == "aborts") std::abort();
    if (deed_ == "overflows") overflow(1);
    if (deed_ == "leaves") ::_exit(0);
  }

 private:
  std::string deed_;
  std::string in_;
  std::string begun_;
  std::string until_;
};

}  // namespace zoo
