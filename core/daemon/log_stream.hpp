// The log of one execution on its way to one client: read from the node by offset, written as the client
// takes it. Ends when the element has ended and all of it was sent. A follower waits for a node that cannot
// be reached now, and loses nothing; without one the error is the answer, or breaks off what was begun.
// [loop]
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
  // `refuse` answers with an error where nothing was read yet.
  void begin(std::function<void(const Error&)> refuse);

 private:
  void next();
  void later(std::chrono::milliseconds pause);
  void took(Result<LogChunk> chunk);
  void failed(const Error& error);
  void open();

  Service& service_;
  Host& host_;
  Request request_;
  std::shared_ptr<HttpReply> reply_;
  std::function<void(const Error&)> refuse_;
  bool begun_ = false;
  std::uint32_t failures_ = 0;  // in a row
  std::unique_ptr<Host::Handle> timer_;
};

}  // namespace grid
