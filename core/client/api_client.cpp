#include "core/client/api_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <limits>
#include <sstream>
#include <utility>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "core/base/files.hpp"

namespace grid {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
constexpr std::size_t max_body_bytes = 256U << 20U;  // of one object

Error gone(const std::string& why) {
  return Error{Code::daemon_unavailable,
               "the daemon left before it answered" + (why.empty() ? "" : ": " + why),
               "see: grid daemon status",
               {},
               true};
}

// Waits for `events` on `fd`; false when the deadline has passed.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // an error shows at the next call on fd
  }
}

Result<Fd> open_socket(const std::filesystem::path& path, Clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.size() >= sizeof address.sun_path)
    return fail(Code::usage, "the socket's path is too long: " + name,
                "set GRID_STATE_DIR to a shorter path");
  name.copy(address.sun_path, name.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail(Code::internal, "socket: " + errno_text(errno));
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN)
      return fail(Code::daemon_unavailable, "no daemon answers at " + name + ": " + errno_text(errno), "",
                  true);
    // Its queue of connections is full: there is nothing to poll for, so look again soon.
    if (Clock::now() >= deadline)
      return fail(Code::timed_out, "the daemon takes no connection at " + name, "", true);
    ::poll(nullptr, 0, 5);
  }
  return fd;
}

Result<> send_all(int fd, std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(fd, POLLOUT, deadline))
        return fail(Code::timed_out, "the daemon does not take the request", "", true);
    } else if (errno != EINTR) {
      return fail(gone(errno_text(errno)));
    }
  }
  return {};
}

}  // namespace

struct ApiStream::Impl {
  Fd fd;
  http::response_parser<http::buffer_body> parser;
  boost::beast::flat_buffer buffer;
  bool ended = false;  // the peer will send no more
  bool reset = false;

  // Takes in what the kernel has. False: nothing now.
  Result<bool> fill() {
    constexpr std::size_t piece = 65536;
    auto space = buffer.prepare(piece);
    while (true) {
      const ssize_t got = ::recv(fd.get(), space.data(), space.size(), 0);
      if (got > 0) {
        buffer.commit(static_cast<std::size_t>(got));
        return true;
      }
      if (got == 0) {
        ended = true;
        return true;
      }
      if (errno == EAGAIN) return false;
      // It left with our request unread: said once, and then what it answered before can be read.
      if (errno == ECONNRESET && !std::exchange(reset, true)) continue;
      if (errno != EINTR) return fail(gone(errno_text(errno)));
    }
  }

  // Parses what was taken in; body bytes are appended to `out`. False: more must come first.
  Result<bool> parse(std::string* out) {
    std::array<char, 65536> body;
    while (!parser.is_done() && (out != nullptr || !parser.is_header_done())) {
      parser.get().body().data = body.data();
      parser.get().body().size = out != nullptr ? body.size() : 0;
      parser.get().body().more = true;
      boost::beast::error_code error;
      if (buffer.size() > 0)
        buffer.consume(parser.put(buffer.data(), error));
      else if (ended && !parser.got_some())
        error = http::error::end_of_stream;
      else if (ended)
        parser.put_eof(error);
      else
        return false;
      if (out != nullptr) out->append(body.data(), body.size() - parser.get().body().size);
      if (error == http::error::need_more && !ended) return false;
      if (error == http::error::need_more || error == http::error::partial_message ||
          error == http::error::end_of_stream)
        return fail(gone("the answer is cut short"));
      if (error && error != http::error::need_buffer)
        return fail(Code::internal, "the daemon's answer is not HTTP: " + error.message(),
                    "is another program at its socket?");
    }
    return true;
  }

  Result<> read_header(Clock::time_point deadline) {
    parser.eager(false);
    // Streams may be endless; whole objects are bounded by read_all. (boost::none refuses every body in
    // Boost 1.74.)
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    while (true) {
      auto done = parse(nullptr);
      if (!done) return fail(done.error());
      if (*done) return {};
      if (!wait_for(fd.get(), POLLIN, deadline))
        return fail(Code::timed_out, "the daemon does not answer", "", true);
      if (auto filled = fill(); !filled) return fail(filled.error());
    }
  }
};

ApiStream::ApiStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiStream::ApiStream(ApiStream&&) noexcept = default;
ApiStream& ApiStream::operator=(ApiStream&&) noexcept = default;
ApiStream::~ApiStream() = default;

int ApiStream::fd() const { return impl_->fd.get(); }

Result<bool> ApiStream::read(std::string& out) {
  auto done = impl_->parse(&out);  // what came along with the header
  while (done && !*done) {
    auto filled = impl_->fill();
    if (!filled) return fail(filled.error());
    if (!*filled) return true;
    done = impl_->parse(&out);
    if (out.size() >= max_body_bytes / 4) break;  // hand it over before it grows without end
  }
  if (!done) return fail(done.error());
  return !*done;
}

std::optional<std::uint64_t> ApiStream::offset() const {
  const auto field = impl_->parser.get()["X-Grid-Offset"];
  std::uint64_t value = 0;
  for (const char digit : field) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  if (field.empty()) return std::nullopt;
  return value;
}

Result<ApiClient> ApiClient::connect(std::filesystem::path socket, Milliseconds deadline) {
  auto fd = open_socket(socket, Clock::now() + deadline);
  if (!fd) return fail(fd.error());
  return ApiClient(std::move(socket), std::move(*fd));
}

Result<ApiStream> ApiClient::send(std::string_view method, const std::string& target, std::string body,
                                  Milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  auto impl = std::make_unique<ApiStream::Impl>();
  if (first_) {
    impl->fd = std::move(first_);
  } else {
    auto fd = open_socket(socket_, until);
    if (!fd) return fail(fd.error());
    impl->fd = std::move(*fd);
  }
  http::request<http::string_body> request(http::string_to_verb({method.data(), method.size()}), target, 11);
  request.set(http::field::host, "grid");
  request.keep_alive(false);
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = std::move(body);
  request.prepare_payload();
  std::ostringstream text;
  text << request;
  // One that refuses early answers and leaves without reading everything: its answer is worth more than our
  // EPIPE.
  const auto sent = send_all(impl->fd.get(), text.str(), until);
  if (!sent && sent.error().code == Code::timed_out) return fail(sent.error());
  if (auto header = impl->read_header(until); !header) return fail(sent ? header.error() : sent.error());
  return ApiStream(std::move(impl));
}

namespace {

Result<std::string> read_all(ApiStream& stream, Clock::time_point deadline) {
  std::string body;
  while (true) {
    auto more = stream.read(body);
    if (!more) return fail(more.error());
    if (!*more) return body;
    if (body.size() > max_body_bytes) return fail(Code::internal, "the daemon's answer has no end");
    if (!wait_for(stream.fd(), POLLIN, deadline))
      return fail(Code::timed_out, "the daemon's answer stopped half way", "", true);
  }
}

}  // namespace

Error ApiClient::error_of(const Json& answer) {
  details_ = Json::object();
  if (answer.is_object() && answer.contains("error") && answer["error"].is_object())
    details_ = answer["error"].value("details", Json::object());
  return error_from_json(answer);
}

Result<ApiStream> ApiClient::open(const std::string& target, Milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  auto stream = send("GET", target, {}, deadline);
  if (!stream || stream->impl_->parser.get().result_int() < 400) return stream;
  auto body = read_all(*stream, until);
  if (!body) return fail(body.error());
  auto json = parse_json(*body);
  return fail(error_of(json ? *json : Json()));
}

Result<Json> ApiClient::exchange(std::string_view method, const std::string& target, std::string body,
                                 Milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  auto stream = send(method, target, std::move(body), deadline);
  if (!stream) return fail(stream.error());
  auto answer = read_all(*stream, until);
  if (!answer) return fail(answer.error());
  auto json = parse_json(*answer);
  if (stream->impl_->parser.get().result_int() >= 400) return fail(error_of(json ? *json : Json()));
  if (!json) return fail(Code::internal, "the daemon's answer is " + json.error().message);
  return json;
}

Result<Json> ApiClient::get(const std::string& target, Milliseconds deadline) {
  return exchange("GET", target, {}, deadline);
}

Result<Json> ApiClient::post(const std::string& target, const Json& body, Milliseconds deadline) {
  return exchange("POST", target, dump_json(body), deadline);
}

Result<> ApiClient::stream(const std::string& target, const std::function<bool(std::string_view)>& on_bytes,
                           Milliseconds idle) {
  auto stream = open(target);
  if (!stream) return fail(stream.error());
  const Milliseconds silence = idle.count() > 0 ? idle : std::chrono::hours(24 * 365);
  std::string bytes;
  while (true) {
    bytes.clear();
    auto more = stream->read(bytes);
    if (!bytes.empty() && !on_bytes(bytes)) return {};
    if (!more) return fail(more.error());
    if (!*more) return {};
    if (!wait_for(stream->fd(), POLLIN, Clock::now() + silence))
      return fail(Code::timed_out, "the daemon fell silent", "", true);
  }
}

std::string url_part(std::string_view bytes) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += hex[static_cast<unsigned char>(c) >> 4U];
      out += hex[static_cast<unsigned char>(c) & 15U];
    }
  }
  return out;
}

}  // namespace grid
