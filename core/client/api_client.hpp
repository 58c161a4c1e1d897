// The command line's side of the daemon's API (docs/api.md): HTTP/1.1 over the unix socket, one connection
// per request, so that a broken one is never mistaken for an answer. Blocking, each call with a deadline.
// [any] one thread at a time.
//
// Errors: what the daemon answered as an error object comes back as that Error. Otherwise daemon_unavailable
// (nobody listens, or it left before it answered; retryable), timed_out (no byte within the deadline) or
// internal (not HTTP, not JSON).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/text.hpp"
#include "grid/sdk/fd.hpp"

namespace grid {

// An answer whose body comes bit by bit. Owns its connection; destroying it leaves.
class ApiStream {
 public:
  ApiStream(ApiStream&&) noexcept;
  ApiStream& operator=(ApiStream&&) noexcept;
  ~ApiStream();

  // Readable when read() may have something.
  [[nodiscard]] int fd() const;
  // Appends what is there now, without waiting. False: the body is complete. An end before that is an error.
  Result<bool> read(std::string& out);
  // X-Grid-Offset, where the answer had one.
  [[nodiscard]] std::optional<std::uint64_t> offset() const;

 private:
  friend class ApiClient;
  struct Impl;
  explicit ApiStream(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class ApiClient {
 public:
  using Milliseconds = std::chrono::milliseconds;
  static constexpr Milliseconds patience{30'000};

  // Connects once, so that an absent daemon shows here; the connection serves the first request.
  static Result<ApiClient> connect(std::filesystem::path socket, Milliseconds deadline);

  // `target`: "/v1/executions?all=1". The deadline is for the whole answer.
  Result<Json> get(const std::string& target, Milliseconds deadline = patience);
  Result<Json> post(const std::string& target, const Json& body, Milliseconds deadline = patience);
  // The answer's header has come; the body is read from the stream.
  Result<ApiStream> open(const std::string& target, Milliseconds deadline = patience);
  // `details` of the error object that the last call was answered with.
  [[nodiscard]] const Json& details() const { return details_; }
  // All of the body as it comes; `on_bytes` answers false to leave early. `idle`: longest silence allowed, 0:
  // any.
  Result<> stream(const std::string& target, const std::function<bool(std::string_view)>& on_bytes,
                  Milliseconds idle = Milliseconds(0));

 private:
  explicit ApiClient(std::filesystem::path socket, Fd first)
      : socket_(std::move(socket)), first_(std::move(first)) {}
  Error error_of(const Json& answer);
  Result<ApiStream> send(std::string_view method, const std::string& target, std::string body,
                         Milliseconds deadline);
  Result<Json> exchange(std::string_view method, const std::string& target, std::string body,
                        Milliseconds deadline);

  std::filesystem::path socket_;
  Fd first_;
  Json details_ = Json::object();
};

// One part of a target, percent-encoded.
[[nodiscard]] std::string url_part(std::string_view bytes);

}  // namespace grid
