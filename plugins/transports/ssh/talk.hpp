// One channel with the server script at its far end: takes one request at a time, and tells when its answer
// is there. Belongs to the node's thread.
#pragma once

#include <memory>

#include "answer.hpp"
#include "wire.hpp"

namespace grid::ssh {

struct Opening;

// A request on its way through the node's thread.
struct Job {
  std::uint64_t id = 0;
  Request request;
  Done<Answer> done;
  bool open_ended = false;                                   // no deadline: goes on until it is hung up
  Clock::time_point waits_until = Clock::time_point::max();  // for a channel
};

class Talk {
 public:
  // `machine` and `script`: see make_opening().
  Talk(std::unique_ptr<Channel> channel, std::string_view machine, std::string_view script);
  // Only while idle().
  void begin(Job job);
  // Writes and reads what goes now; true when anything moved. Error: the channel is of no use any more; the
  // job, if any, is to be failed with it.
  Result<bool> move();
  // The answer is complete: the job and its answer, and the talk is idle.
  [[nodiscard]] bool answered() const noexcept { return job_ && reader_.complete(); }
  std::pair<Job, Answer> finish();

  [[nodiscard]] bool idle() const noexcept { return !job_; }
  [[nodiscard]] bool writing() const noexcept { return at_ < sending_.size() || pieces_left_ > 0; }
  [[nodiscard]] const std::unique_ptr<Job>& job() const noexcept { return job_; }
  [[nodiscard]] std::unique_ptr<Job> release() noexcept { return std::move(job_); }
  // Of the job; before the begin, of the login.
  [[nodiscard]] Clock::time_point deadline() const noexcept { return deadline_; }
  [[nodiscard]] const AnswerReader& reader() const noexcept { return reader_; }

 private:
  Result<bool> write();
  Result<bool> read();
  Result<> ended() const;
  void set_deadline();

  std::unique_ptr<Channel> channel_;
  AnswerReader reader_;
  std::string sending_;
  std::size_t at_ = 0;  // of `sending_`: sent
  std::uint64_t pieces_left_ = 0;
  std::unique_ptr<Job> job_;
  std::string out_, err_;
  Clock::time_point login_until_;
  Clock::time_point deadline_ = Clock::time_point::max();

  Talk(std::unique_ptr<Channel> channel, Opening opening);
};

}  // namespace grid::ssh
