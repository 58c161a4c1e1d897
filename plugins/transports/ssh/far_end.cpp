#include "far_end.hpp"

#include <sys/random.h>

#include <array>
#include <cstdlib>

#include "scripts.hpp"

namespace grid::ssh {

std::string server_script_with(std::string_view verbs) {
  std::string script;
  for (const auto part :
       {scripts::node, scripts::run, scripts::probe, scripts::copy, scripts::check, verbs, scripts::serve})
    script += part;
  return script;
}

const std::string& server_script() {
  static const std::string script = server_script_with("");
  return script;
}

const std::string& shim_text() {
  static const std::string text =
      std::string(scripts::shim_element) + std::string(scripts::shim_slots) + std::string(scripts::shim);
  return text;
}

std::string random_token() {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  std::string token;
  for (const unsigned char byte : bytes) {
    token += static_cast<char>('a' + (byte >> 4));
    token += static_cast<char>('a' + (byte & 15));
  }
  return token;
}

Opening make_opening(std::string_view machine, std::string_view script) {
  const std::string first = random_token();
  const std::string second = random_token();
  return {"grid1 " + first + ' ' + second + ' ' + std::string(machine) + ' ' + std::to_string(script.size()) +
              '\n' + std::string(script),
          second + first};
}

std::string escaped(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= '!' && byte <= '~' && byte != '\\') {
      out += c;
    } else {
      out += "\\0";
      for (const int shift : {6, 3, 0}) out += static_cast<char>('0' + (byte >> shift & 7));
    }
  }
  return out;
}

std::string request_line(std::string_view verb, const std::vector<std::string>& arguments,
                         std::uint64_t body_bytes) {
  std::string line(verb);
  line += ' ' + std::to_string(body_bytes);
  for (const auto& argument : arguments) line += " =" + escaped(argument);
  line += '\n';
  return line;
}

}  // namespace grid::ssh
