// Reads what the far end of a channel says: noise of the login, a begin, and then answers, each of any bytes
// and closed by the mark. Pure: bytes in, answers out. [any] One thread at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "grid/sdk/transport.hpp"
#include "shell.hpp"

namespace grid::ssh {

// One stream, cut at the marks: `\036<mark><rest of the line>\n`.
class MarkedStream {
 public:
  explicit MarkedStream(std::string_view mark);
  // Calls `bytes` with what stands between marks, as early as it is sure, and `line` with what follows a
  // mark. Error: theirs, or a mark's line that does not end.
  Result<> feed(std::string_view text, const std::function<Result<>(std::string_view)>& bytes,
                const std::function<Result<>(std::string_view)>& line);

 private:
  std::string mark_;
  std::string held_;  // may be the begin of a mark, or a mark's line without its end
};

// Who is at the far end, as it says at its begin.
struct Greeting {
  Link::Identity identity;
  std::string uid;
};

class AnswerReader {
 public:
  using Output = std::function<Result<>(std::string_view)>;
  // `mark`: the one of this channel, random.
  explicit AnswerReader(std::string_view mark);
  // What came on standard output and standard error. Error: the far end does not keep to the protocol, or
  // what the output failed with; nothing more can be read from this channel.
  Result<> out(std::string_view bytes);
  Result<> err(std::string_view bytes);
  // Before a request is sent. `output` null: collected.
  void expect(Output output);

  [[nodiscard]] const std::optional<Greeting>& greeting() const noexcept { return greeting_; }
  // Both streams have said the end of the answer.
  [[nodiscard]] bool complete() const noexcept { return out_ended_ && err_ended_; }
  [[nodiscard]] Answer take();
  // Of the login, on both streams.
  [[nodiscard]] std::uint64_t noise_bytes() const noexcept { return noise_bytes_; }
  // The first of them, for people.
  [[nodiscard]] const std::string& noise() const noexcept { return noise_; }

 private:
  Result<> out_line(std::string_view line);
  Result<> err_line(std::string_view line);
  void add_noise(std::string_view bytes);

  MarkedStream out_, err_;
  Output output_;
  Answer answer_;
  std::optional<Greeting> greeting_;
  std::uint64_t noise_bytes_ = 0;
  std::string noise_;
  bool err_begun_ = false;
  bool expecting_ = false;
  bool out_ended_ = false;
  bool err_ended_ = false;
};

// What a verb failed with: its own `refuse`, or its complaint as an error of `storage_failed`.
[[nodiscard]] Error error_of(const Answer& answer, std::string_view verb);

}  // namespace grid::ssh
