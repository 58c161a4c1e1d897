#include "core/daemon/log_stream.hpp"

#include <utility>

#include "core/base/log.hpp"

namespace grid {
namespace {
constexpr std::uint64_t chunk_bytes = 256U << 10U;
constexpr std::size_t most_waiting_bytes = 4U << 20U;
constexpr std::chrono::milliseconds poll{50};
}  // namespace

LogStream::LogStream(Service& service, Host& host, Request request, std::shared_ptr<HttpReply> reply)
    : service_(service), host_(host), request_(std::move(request)), reply_(std::move(reply)) {}

void LogStream::begin() {
  reply_->begin("application/octet-stream", {{"X-Grid-Offset", std::to_string(request_.offset)}});
  next();
}

void LogStream::later() {
  timer_ = host_.after(poll, [self = shared_from_this()] {
    const auto own = std::move(self->timer_);  // the handle holds us: let go of it first
    self->next();
  });
}

void LogStream::next() {
  if (!reply_->open()) return;
  if (reply_->waiting_bytes() > most_waiting_bytes) return later();
  const auto logs = service_.logs(request_.id, request_.stream);
  if (!logs) return reply_->end();
  if (!logs->exists) {
    if (logs->final || !request_.follow) return reply_->end();
    return later();
  }
  service_.runs().read_log(
      logs->source, request_.stream, request_.offset, chunk_bytes,
      [self = shared_from_this()](Result<LogChunk> chunk) { self->took(std::move(chunk)); });
}

void LogStream::took(Result<LogChunk> chunk) {
  if (!chunk) {
    log_line(LogLevel::warning, "logs", "execution " + request_.id + ": " + chunk.error().message);
    return reply_->end();
  }
  request_.offset = chunk->offset + chunk->bytes.size();
  reply_->write(chunk->bytes);
  if (request_.offset < chunk->size) return next();
  if (chunk->final || !request_.follow) return reply_->end();
  later();
}

}  // namespace grid
