// Snapshots on their way to one client that watches: one object a line, until it leaves. [loop]
#pragma once

#include <chrono>
#include <memory>

#include "core/daemon/http_server.hpp"
#include "core/daemon/service.hpp"

namespace grid {

class SnapshotStream : public std::enable_shared_from_this<SnapshotStream> {
 public:
  SnapshotStream(Service& service, Host& host, std::chrono::milliseconds interval,
                 std::shared_ptr<HttpReply> reply);
  void begin();

 private:
  void next();

  Service& service_;
  Host& host_;
  std::chrono::milliseconds interval_;
  std::shared_ptr<HttpReply> reply_;
  std::shared_ptr<void> watch_;  // while it lives, processes are looked at more often
  std::unique_ptr<Host::Handle> timer_;
};

}  // namespace grid
