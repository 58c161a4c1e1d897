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

void LogStream::begin(std::function<void(const Error&)> refuse) {
  refuse_ = std::move(refuse);
  if (request_.follow) open();
  next();
}

void LogStream::open() {
  if (std::exchange(begun_, true)) return;
  reply_->begin("application/octet-stream", {{"X-Grid-Offset", std::to_string(request_.offset)}});
}

void LogStream::later(std::chrono::milliseconds pause) {
  timer_ = host_.after(pause, [self = shared_from_this()] {
    const auto own = std::move(self->timer_);  // the handle holds us: let go of it first
    self->next();
  });
}

void LogStream::next() {
  if (!reply_->open()) return;
  if (reply_->waiting_bytes() > most_waiting_bytes) return later(poll);
  const auto logs = service_.logs(request_.id, request_.stream);
  if (!logs) return failed(logs.error());
  if (!logs->exists) {
    if (!logs->final && request_.follow) return later(poll);
    open();
    return reply_->end();
  }
  service_.runs().read_log(
      logs->source, request_.stream, request_.offset, chunk_bytes,
      [self = shared_from_this()](Result<LogChunk> chunk) { self->took(std::move(chunk)); });
}

void LogStream::failed(const Error& error) {
  if (!begun_) return refuse_(error);
  log_line(LogLevel::warning, "logs", "execution " + request_.id + ": " + error.message);
  reply_->end();
}

void LogStream::took(Result<LogChunk> chunk) {
  if (!chunk && chunk.error().retryable && request_.follow) return later(Retry::pause(failures_++));
  if (!chunk) return failed(chunk.error());
  failures_ = 0;
  open();
  request_.offset = chunk->offset + chunk->bytes.size();
  reply_->write(chunk->bytes);
  if (request_.offset < chunk->size) return next();
  if (chunk->final || !request_.follow) return reply_->end();
  later(poll);
}

}  // namespace grid
