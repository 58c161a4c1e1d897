#include "talk.hpp"

#include <algorithm>
#include <utility>

#include "far_end.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::ssh {
namespace {

constexpr std::size_t piece_bytes = 256U << 10U;
constexpr std::chrono::seconds most_login{45};  // a profile may be slow; from the opening to the begin

}  // namespace

Talk::Talk(std::unique_ptr<Channel> channel, std::string_view machine, std::string_view script)
    : Talk(std::move(channel), make_opening(machine, script)) {}

Talk::Talk(std::unique_ptr<Channel> channel, Opening opening)
    : channel_(std::move(channel)),
      reader_(opening.mark),
      sending_(std::move(opening.bytes)),
      login_until_(Clock::now() + most_login) {}

void Talk::begin(Job job) {
  Request& request = job.request;
  const bool pieces = request.next_piece != nullptr;
  pieces_left_ = pieces ? request.body_bytes : 0;
  sending_.erase(0, std::exchange(at_, 0));
  sending_ +=
      request_line(request.verb, request.arguments, pieces ? request.body_bytes : request.body.size());
  if (!pieces) sending_ += request.body;
  reader_.expect(request.output);
  job_ = std::make_unique<Job>(std::move(job));
  set_deadline();
}

void Talk::set_deadline() {
  if (!reader_.greeting()) {
    deadline_ = login_until_;
  } else {
    deadline_ = !job_ || job_->open_ended ? Clock::time_point::max() : Clock::now() + job_->request.deadline;
  }
}

std::pair<Job, Answer> Talk::finish() {
  const auto job = std::move(job_);
  deadline_ = Clock::time_point::max();
  return {std::move(*job), reader_.take()};
}

Result<bool> Talk::move() {
  const auto wrote = write();
  if (!wrote) {
    // It went before it had the whole of it: what it said before may tell why.
    if (auto said = read(); !said) return said;
    if (auto fine = reader_.greeting() ? Result<>() : ended(); !fine) return fail(fine.error());
    return wrote;
  }
  const bool greeted = reader_.greeting().has_value();
  auto got = read();
  if (!got) return got;
  const bool stall = job_ && job_->request.stall && (*wrote || *got);
  if (stall || greeted != reader_.greeting().has_value()) set_deadline();
  if (reader_.complete() && writing())
    return fail(Code::node_unreachable, "the shell on the node answered before it had the whole request", {},
                true);
  return *wrote || *got;
}

Result<bool> Talk::write() {
  bool any = false;
  while (writing()) {
    if (at_ == sending_.size()) {
      sending_.clear();
      at_ = 0;
      auto piece = job_->request.next_piece(std::min<std::uint64_t>(piece_bytes, pieces_left_));
      if (!piece) return fail(piece.error());
      if (piece->empty() || piece->size() > pieces_left_)
        return fail(Code::storage_failed, "what is to be sent has changed its size meanwhile", {}, true);
      pieces_left_ -= piece->size();
      sending_ = std::move(*piece);
    }
    const auto sent = channel_->write(std::string_view(sending_).substr(at_));
    if (!sent) return fail(sent.error());
    if (*sent == 0) break;
    any = true;
    at_ += *sent;
  }
  if (at_ == sending_.size()) {
    sending_.clear();
    at_ = 0;
  }
  return any;
}

Result<bool> Talk::read() {
  out_.clear();
  err_.clear();
  const auto any = channel_->read(out_, err_);
  // What came before the end still counts: it may be the answer, or say why there is none.
  if (auto taken = reader_.err(err_); !taken) return fail(taken.error());
  if (auto taken = reader_.out(out_); !taken) return fail(taken.error());
  if (!any) return any;
  if (!reader_.complete() && channel_->ended()) {
    if (auto fine = ended(); !fine) return fail(fine.error());
  }
  return any;
}

Result<> Talk::ended() const {
  if (reader_.greeting())
    return fail(Code::node_unreachable, "the shell on the node ended before it answered", {}, true);
  std::string message = "the login shell on the node did not start /bin/sh";
  if (!reader_.noise().empty()) message += ": " + visible(reader_.noise().substr(0, 200));
  return fail(Code::node_unreachable, message, "try: ssh HOST /bin/sh -c true", true);
}

}  // namespace grid::ssh
