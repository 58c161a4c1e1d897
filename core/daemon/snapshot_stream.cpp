#include "core/daemon/snapshot_stream.hpp"

#include <utility>

namespace grid {
namespace {
constexpr std::size_t slow_client_bytes = 4U << 20U;  // one that does not read gets fewer frames, not a queue
}

SnapshotStream::SnapshotStream(Service& service, Host& host, std::chrono::milliseconds interval,
                               std::shared_ptr<HttpReply> reply)
    : service_(service), host_(host), interval_(interval), reply_(std::move(reply)) {}

void SnapshotStream::begin() {
  reply_->begin("application/x-ndjson", {});
  watch_ = service_.watch();
  next();
}

void SnapshotStream::next() {
  if (!reply_->open()) return;
  if (reply_->waiting_bytes() < slow_client_bytes) reply_->write(dump_json(service_.snapshot_view()) + "\n");
  timer_ = host_.after(interval_, [self = shared_from_this()] {
    const auto own = std::move(self->timer_);  // the handle holds us: let go of it first
    self->next();
  });
}

}  // namespace grid
