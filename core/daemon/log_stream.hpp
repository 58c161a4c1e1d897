// The log of one execution on its way to one client: read from the node by offset, written as the client
// takes it. Ends when the element has ended and all of it was sent. [loop]
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/daemon/http_server.hpp"
#include "core/daemon/service.hpp"

namespace grid {

class LogStream : public std::enable_shared_from_this<LogStream> {
 public:
  struct Request {
    std::string id;
    Stream stream = Stream::out;
    std::uint64_t offset = 0;
    bool follow = false;  // else: what is there now
  };
  LogStream(Service& service, Host& host, Request request, std::shared_ptr<HttpReply> reply);
  void begin();

 private:
  void next();
  void later();
  void took(Result<LogChunk> chunk);

  Service& service_;
  Host& host_;
  Request request_;
  std::shared_ptr<HttpReply> reply_;
  std::unique_ptr<Host::Handle> timer_;
};

}  // namespace grid
