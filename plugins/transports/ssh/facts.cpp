#include "facts.hpp"

#include <charconv>
#include <utility>

#include "far_end.hpp"
#include "grid/sdk/run_directory.hpp"
#include "parts.hpp"

namespace grid::ssh {
namespace {

// "1234.56", seconds.
std::chrono::milliseconds uptime(std::string_view text) {
  double seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

Reading parse_reading(std::string_view output, std::string_view boundary) {
  Reading reading;
  const Parts parts = split_parts(output, boundary);
  reading.taken = uptime(parts.before);
  std::string_view last;
  for (const auto& part : parts.parts) {
    if (part.name == "!") {
      if (const auto found = reading.content.find(last); found != reading.content.end())
        reading.content.erase(found);
      continue;
    }
    last = part.name;
    reading.content[std::string(part.name)] = part.bytes;
  }
  return reading;
}

}  // namespace

void ask_place(const Verbs& verbs, Done<Place> done) {
  verbs.ask(request("identify", {}), [&verbs, done = std::move(done)](Result<Answer> answer) {
    if (!answer) return done(fail(answer.error()));
    std::string_view line = answer->output;
    while (line.ends_with('\n')) line.remove_suffix(1);
    Place place;
    place.identity.machine_id = take_word(line);
    place.identity.boot_id = take_word(line);
    place.identity.host_name = take_word(line);
    place.uid = take_word(line);
    place.identity.user = line;
    if (!run_directory::is_name(place.identity.machine_id))
      return done(fail(Code::node_unreachable, "node " + verbs.node() + " does not say who it is", {}, true));
    done(std::move(place));
  });
}

void ask_reading(const Verbs& verbs, const Needs& needs, const std::string& prefix, Done<Reading> done) {
  const std::string boundary = random_token();
  std::vector<std::string> arguments{boundary, prefix, std::to_string(needs.files.size())};
  arguments.insert(arguments.end(), needs.files.begin(), needs.files.end());
  arguments.insert(arguments.end(), needs.globs.begin(), needs.globs.end());
  verbs.ask(request("read", std::move(arguments)), [boundary, done = std::move(done)](Result<Answer> answer) {
    if (!answer) return done(fail(answer.error()));
    done(parse_reading(answer->output, boundary));
  });
}

}  // namespace grid::ssh
