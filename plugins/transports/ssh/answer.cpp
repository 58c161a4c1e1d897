#include "answer.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "grid/sdk/bytes.hpp"
#include "grid/sdk/run_directory.hpp"
#include "parts.hpp"

namespace grid::ssh {
namespace {

constexpr char mark_byte = '\036';
constexpr std::size_t most_line_bytes = 4096;
constexpr std::size_t most_output_bytes = 256U
                                          << 20U;  // collected; more than any verb says to an honest client
constexpr std::size_t most_complaint_bytes = 64U << 10U;
constexpr std::size_t most_noise_bytes = 2048;  // kept
constexpr int refused = 9;                      // status of refuse() in serve.sh

tl::unexpected<Error> broken(std::string_view what) {
  return fail(Code::node_unreachable,
              "the shell on the node answers with something else: " + std::string(what), {}, true);
}

// Remote text is data: no control character may reach a terminal. Its lines become one.
std::string shown(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "; ";
    } else {
      line += c;
    }
  }
  return visible(line);
}

}  // namespace

MarkedStream::MarkedStream(std::string_view mark) : mark_(mark_byte + std::string(mark)) {}

Result<> MarkedStream::feed(std::string_view text, const std::function<Result<>(std::string_view)>& bytes,
                            const std::function<Result<>(std::string_view)>& line) {
  std::string joined;
  if (!held_.empty()) {
    joined = std::exchange(held_, {});
    joined += text;
    text = joined;
  }
  while (!text.empty()) {
    const auto found = text.find(mark_);
    if (found == std::string_view::npos) {
      // Its begin may stand at the very end.
      std::size_t sure = text.size();
      for (auto at = text.find(mark_byte, text.size() - std::min(text.size(), mark_.size() - 1));
           at != std::string_view::npos; at = text.find(mark_byte, at + 1)) {
        if (std::string_view(mark_).starts_with(text.substr(at))) {
          sure = at;
          break;
        }
      }
      held_ = text.substr(sure);
      return sure == 0 ? Result<>() : bytes(text.substr(0, sure));
    }
    if (found > 0) {
      if (auto taken = bytes(text.substr(0, found)); !taken) return taken;
      text.remove_prefix(found);
    }
    const auto end = text.find('\n');
    if (end == std::string_view::npos) {
      if (text.size() > most_line_bytes) return broken("a line without end");
      held_ = text;
      return {};
    }
    if (auto taken = line(text.substr(mark_.size(), end - mark_.size())); !taken) return taken;
    text.remove_prefix(end + 1);
  }
  return {};
}

AnswerReader::AnswerReader(std::string_view mark) : out_(mark), err_(mark) {}

void AnswerReader::expect(Output output) {
  output_ = std::move(output);
  answer_ = {};
  expecting_ = true;
  out_ended_ = err_ended_ = false;
}

Answer AnswerReader::take() {
  expecting_ = out_ended_ = err_ended_ = false;
  output_ = nullptr;
  return std::exchange(answer_, {});
}

void AnswerReader::add_noise(std::string_view bytes) {
  noise_bytes_ += bytes.size();
  noise_.append(bytes.substr(0, most_noise_bytes - std::min(noise_.size(), most_noise_bytes)));
}

Result<> AnswerReader::out(std::string_view bytes) {
  return out_.feed(
      bytes,
      [this](std::string_view part) -> Result<> {
        if (!greeting_) {
          add_noise(part);
          return {};
        }
        if (!expecting_ || out_ended_) return broken("output that nothing asked for");
        if (output_) return output_(part);
        if (answer_.output.size() + part.size() > most_output_bytes) return broken("too much output");
        answer_.output += part;
        return {};
      },
      [this](std::string_view line) { return out_line(line); });
}

Result<> AnswerReader::err(std::string_view bytes) {
  return err_.feed(
      bytes,
      [this](std::string_view part) -> Result<> {
        if (!err_begun_) {
          add_noise(part);
        } else {
          answer_.complaint.append(part.substr(
              0, most_complaint_bytes - std::min(answer_.complaint.size(), most_complaint_bytes)));
        }
        return {};
      },
      [this](std::string_view line) { return err_line(line); });
}

Result<> AnswerReader::out_line(std::string_view line) {
  line.remove_prefix(std::min<std::size_t>(1, line.size()));  // the blank after the mark
  const auto kind = take_word(line);
  if (kind == "begin" && !greeting_) {
    Greeting greeting;
    greeting.identity.machine_id = take_word(line);
    greeting.identity.boot_id = take_word(line);
    greeting.identity.host_name = take_word(line);
    greeting.uid = take_word(line);
    greeting.identity.user = line;
    const bool number = greeting.uid.find_first_not_of("0123456789") == std::string::npos;
    if (!run_directory::is_name(greeting.identity.machine_id) || greeting.uid.empty() || !number)
      return broken("it does not say who it is");
    greeting_ = std::move(greeting);
    return {};
  }
  if (kind != "end" || !expecting_ || out_ended_) return broken("a mark out of order");
  const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), answer_.status);
  if (error != std::errc{} || rest != line.data() + line.size()) return broken("a status that is no number");
  out_ended_ = true;
  return {};
}

Result<> AnswerReader::err_line(std::string_view line) {
  if (line == " begin" && !err_begun_) {
    err_begun_ = true;
    return {};
  }
  if (line != " end" || !err_begun_ || !expecting_ || err_ended_) return broken("a mark out of order");
  err_ended_ = true;
  return {};
}

Error error_of(const Answer& answer, std::string_view verb) {
  const std::string_view complaint = answer.complaint;
  if (answer.status == refused) {
    const auto at = complaint.rfind("grid ");
    if (at != std::string_view::npos && (at == 0 || complaint[at - 1] == '\n')) {
      std::string_view line = complaint.substr(at + 5);
      line = line.substr(0, line.find('\n'));
      const auto field = [&line] {
        const auto found = line.substr(0, line.find('\t'));
        line.remove_prefix(std::min(line.size(), found.size() + 1));
        return found;
      };
      Error error;
      error.code = code_from_string(field());
      error.message = shown(field());
      error.hint = shown(field());
      error.retryable = error.code == Code::timed_out;
      return error;
    }
  }
  std::string text = shown(complaint.substr(0, 1000));
  if (text.empty()) text = "exit status " + std::to_string(answer.status);
  // dash, busybox and bash: the shell gave up in the middle, and what was asked may have been done or not.
  const bool forkless = text.find("annot fork") != std::string::npos ||
                        text.find("an't fork") != std::string::npos ||
                        text.find("fork: Resource") != std::string::npos;
  return Error{Code::storage_failed, std::string(verb) + ": " + text, {}, {}, forkless};
}

}  // namespace grid::ssh
