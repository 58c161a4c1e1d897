// HTTP/1.1 on a unix socket, on the loop. It knows no route: a handler gets the request and answers once, now
// or later. Peers of another uid are refused. Requests are bounded: 64 KiB of header, 64 MiB of body, 30 s to
// arrive.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/loop/loop_host.hpp"
#include "grid/sdk/result.hpp"

namespace grid {

struct HttpRequest {
  std::string method;
  std::string path;                                       // percent-decoded, without the query
  std::map<std::string, std::string, std::less<>> query;  // percent-decoded
  std::string body;
};

// The way back to one client. Copies speak to the same one; after it left, calls do nothing. [loop]
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  virtual void send(int status, std::string body, std::string_view content_type = "application/json") = 0;
  // A body in chunks, as long as open(). `header` is one extra "Name: value".
  virtual void begin(std::string_view content_type, const std::map<std::string, std::string>& headers) = 0;
  virtual void write(std::string_view bytes) = 0;
  virtual void end() = 0;
  [[nodiscard]] virtual bool open() const = 0;                  // the client is still there
  [[nodiscard]] virtual std::size_t waiting_bytes() const = 0;  // written and not yet taken
};

using HttpHandler = std::function<void(HttpRequest, std::shared_ptr<HttpReply>)>;

class HttpServer {
 public:
  // Replaces a socket that nobody listens on. Error: storage_failed, resource_conflict.
  static Result<std::unique_ptr<HttpServer>> listen(LoopHost& host, const std::filesystem::path& socket,
                                                    HttpHandler handler);
  ~HttpServer();
  // No new connections; the ones there go on.
  void close();

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// "a%20b" → "a b"; anything malformed stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view text);

}  // namespace grid
