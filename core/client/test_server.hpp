// A server for tests of the client: answers each connection with what the test says, and misbehaves on
// demand.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "grid/sdk/fd.hpp"

namespace grid {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "grid-client-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// A thread per connection. `serve` gets the request and the connection, which closes when it returns.
class TestServer {
 public:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;
  using Serve = std::function<void(const Request&, int connection)>;

  TestServer(const std::filesystem::path& socket, Serve serve) : serve_(std::move(serve)) {
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.native().copy(address.sun_path, sizeof address.sun_path - 1);
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(listener_.get(), 16);
    thread_ = std::thread([this] { run(); });
  }
  ~TestServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  static bool send(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Until the client has left.
  static void wait_for_leave(int connection) {
    char byte = 0;
    while (::recv(connection, &byte, 1, 0) > 0) {
    }
  }
  static void answer(int connection, unsigned status, const std::string& body) {
    namespace http = boost::beast::http;
    http::response<http::string_body> response(static_cast<http::status>(status), 11);
    response.body() = body;
    response.prepare_payload();
    std::ostringstream text;
    text << response;
    send(connection, text.str());
  }

 private:
  void run() {
    std::vector<std::thread> connections;
    while (true) {
      Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) break;
      connections.emplace_back([this, own = std::move(connection)] {
        Request request;
        if (read(own.get(), request)) serve_(request, own.get());
      });
    }
    for (std::thread& each : connections) each.join();
  }
  static bool read(int connection, Request& request) {
    namespace http = boost::beast::http;
    http::request_parser<http::string_body> parser;
    parser.eager(true);
    parser.body_limit(64U << 20U);
    boost::beast::flat_buffer buffer;
    while (!parser.is_done()) {
      const auto space = buffer.prepare(4096);
      const ssize_t got = ::recv(connection, space.data(), space.size(), 0);
      if (got <= 0) return false;
      buffer.commit(static_cast<std::size_t>(got));
      boost::beast::error_code error;
      buffer.consume(parser.put(buffer.data(), error));
      if (error && error != http::error::need_more) return false;
    }
    request = parser.release();
    return true;
  }

  Serve serve_;
  Fd listener_;
  std::thread thread_;
};

}  // namespace grid
