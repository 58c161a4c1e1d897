#include "core/daemon/http_server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <optional>
#include <utility>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "core/base/log.hpp"
#include "core/base/text.hpp"

namespace grid {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

std::string percent_decode(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

namespace {

constexpr std::size_t max_header_bytes = 64U << 10U;
constexpr std::size_t max_body_bytes = 64U << 20U;
constexpr std::chrono::seconds arrival{30};

void split_target(std::string_view target, HttpRequest& request) {
  const std::size_t mark = target.find('?');
  request.path = percent_decode(target.substr(0, mark));
  if (mark == std::string_view::npos) return;
  std::string_view query = target.substr(mark + 1);
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    request.query[percent_decode(pair.substr(0, equals))] =
        equals == std::string_view::npos ? std::string() : percent_decode(pair.substr(equals + 1));
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
}

// One client: reads a request, hands it on, writes what comes back in order.
class Session : public std::enable_shared_from_this<Session> {
 public:
  // The handler is shared: a client may outlive the server that accepted it.
  Session(Local::socket socket, std::shared_ptr<const HttpHandler> handler)
      : stream_(std::move(socket)), handler_(std::move(handler)) {}

  void read() {
    parser_.emplace();
    answered_ = false;
    parser_->header_limit(max_header_bytes);
    parser_->body_limit(max_body_bytes);
    stream_.expires_after(arrival);
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) return self->handle();
      if (error == http::error::body_limit || error == http::error::header_limit)
        return self->refuse(413, "the request is too large");
      const bool garbage = error.category() == http::make_error_code(http::error::bad_method).category();
      if (garbage && error != http::error::end_of_stream && error != http::error::partial_message)
        return self->refuse(400, "this is no HTTP request");
      self->close();
    });
  }

  void send(int status, std::string body, std::string_view content_type) {
    if (!open_) return;
    answered_ = true;
    auto response = std::make_shared<http::response<http::string_body>>();
    response->result(static_cast<unsigned>(status));
    response->version(11);
    response->keep_alive(keep_alive_);
    response->set(http::field::content_type, {content_type.data(), content_type.size()});
    response->body() = std::move(body);
    response->prepare_payload();
    stream_.expires_after(arrival);
    http::async_write(stream_, *response,
                      [self = shared_from_this(), response](error_code error, std::size_t) {
                        if (error || !self->keep_alive_) return self->close();
                        self->read();
                      });
  }

  void begin(std::string_view content_type, const std::map<std::string, std::string>& headers) {
    std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nContent-Type: ";
    head.append(content_type);
    for (const auto& [name, value] : headers) head += "\r\n" + name + ": " + value;
    head += "\r\n\r\n";
    stream_.expires_never();
    answered_ = true;
    put(std::move(head));
    watch_for_leaving();
  }

  void write(std::string_view bytes) {
    if (bytes.empty()) return;
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    std::string chunk = size;
    chunk.append(bytes);
    chunk += "\r\n";
    put(std::move(chunk));
  }

  void end() {
    ending_ = true;
    put("0\r\n\r\n");
  }

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_; }

 private:
  void handle();

  void refuse(int status, const char* why) {
    keep_alive_ = false;
    send(status, dump_json(error_to_json(Error{Code::usage, why, {}, {}, false})), "application/json");
  }

  void put(std::string bytes) {
    if (!open_) return;
    waiting_ += bytes.size();
    queue_.push_back(std::move(bytes));
    if (queue_.size() == 1) drain();
  }

  void drain() {
    asio::async_write(stream_, asio::buffer(queue_.front()),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error) return self->close();
                        self->waiting_ -= self->queue_.front().size();
                        self->queue_.pop_front();
                        if (!self->queue_.empty()) return self->drain();
                        if (self->ending_) self->close();
                      });
  }

  // A client that listens to a stream sends nothing more: anything readable means it has left.
  void watch_for_leaving() {
    stream_.socket().async_wait(Local::socket::wait_read,
                                [self = shared_from_this()](error_code) { self->open_ = false; });
  }

  void close() {
    open_ = false;
    error_code ignored;
    stream_.socket().shutdown(Local::socket::shutdown_both, ignored);
    stream_.socket().close(ignored);
  }

  beast::basic_stream<Local> stream_;
  std::shared_ptr<const HttpHandler> handler_;
  beast::flat_buffer buffer_{max_header_bytes + max_body_bytes};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::deque<std::string> queue_;
  std::size_t waiting_ = 0;
  bool keep_alive_ = false;
  bool open_ = true;
  bool ending_ = false;
  bool answered_ = false;  // the request at hand
};

class Reply : public HttpReply {
 public:
  explicit Reply(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  void send(int status, std::string body, std::string_view content_type) override {
    session_->send(status, std::move(body), content_type);
  }
  void begin(std::string_view content_type, const std::map<std::string, std::string>& headers) override {
    session_->begin(content_type, headers);
  }
  void write(std::string_view bytes) override { session_->write(bytes); }
  void end() override { session_->end(); }
  bool open() const override { return session_->open(); }
  std::size_t waiting_bytes() const override { return session_->waiting_bytes(); }

 private:
  std::shared_ptr<Session> session_;
};

void Session::handle() {
  auto message = parser_->release();
  keep_alive_ = message.keep_alive();
  HttpRequest request;
  request.method = std::string(message.method_string());
  split_target({message.target().data(), message.target().size()}, request);
  request.body = std::move(message.body());
  stream_.expires_never();
  // One request that the code behind did not expect must not take the daemon down.
  try {
    (*handler_)(std::move(request), std::make_shared<Reply>(shared_from_this()));
  } catch (const std::exception& error) {
    log_line(LogLevel::error, "api", error.what());
    if (answered_) return close();
    keep_alive_ = false;
    send(500, dump_json(error_to_json(Error{Code::internal, error.what(), {}, {}, false})),
         "application/json");
  }
}

bool same_user(const Local::socket& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const int fd = const_cast<Local::socket&>(socket).native_handle();
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

bool somebody_listens(const std::filesystem::path& path) {
  asio::io_context context;
  Local::socket probe(context);
  error_code error;
  probe.connect(Local::endpoint(path.string()), error);
  return !error;
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, HttpHandler made)
      : acceptor(context), pause(context), handler(std::make_shared<const HttpHandler>(std::move(made))) {}
  Local::acceptor acceptor;
  asio::steady_timer pause;
  std::shared_ptr<const HttpHandler> handler;
  std::filesystem::path path;

  void accept() {
    acceptor.async_accept([self = shared_from_this()](error_code error, Local::socket socket) {
      if (error == asio::error::operation_aborted || !self->acceptor.is_open()) return;
      if (!error && same_user(socket)) std::make_shared<Session>(std::move(socket), self->handler)->read();
      if (!error) return self->accept();
      // Out of descriptors, most likely: trying again at once would only keep the loop busy.
      self->pause.expires_after(std::chrono::milliseconds(100));
      self->pause.async_wait([self](error_code ended) {
        if (!ended && self->acceptor.is_open()) self->accept();
      });
    });
  }
};

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() { close(); }

Result<std::unique_ptr<HttpServer>> HttpServer::listen(LoopHost& host, const std::filesystem::path& socket,
                                                       HttpHandler handler) {
  constexpr std::size_t longest = sizeof(sockaddr_un{}.sun_path) - 1;
  if (socket.string().size() > longest)
    return fail(
        Code::storage_failed,
        "the path of the socket is longer than " + std::to_string(longest) + " bytes: " + socket.string(),
        "choose a shorter GRID_STATE_DIR");
  if (somebody_listens(socket))
    return fail(Code::resource_conflict, "another daemon listens on " + socket.string());
  ::unlink(socket.c_str());
  auto impl = std::make_shared<Impl>(host.context(), std::move(handler));
  impl->path = socket;
  error_code error;
  impl->acceptor.open(Local(), error);
  const mode_t before = ::umask(0177);
  if (!error) impl->acceptor.bind(Local::endpoint(socket.string()), error);
  ::umask(before);
  if (!error) impl->acceptor.listen(128, error);
  if (error)
    return fail(Code::storage_failed, "cannot listen on " + socket.string() + ": " + error.message());
  impl->accept();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::close() {
  if (!impl_->acceptor.is_open()) return;
  error_code ignored;
  impl_->acceptor.close(ignored);
  ::unlink(impl_->path.c_str());
}

}  // namespace grid
