#include "node_thread.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

namespace grid::ssh {
namespace {

constexpr std::chrono::milliseconds longest_sleep{60'000};

}  // namespace

NodeThread::NodeThread(Host& host, NodeSettings settings, WireFactory factory)
    : host_(host),
      settings_(std::move(settings)),
      factory_(std::move(factory)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

NodeThread::~NodeThread() { stop(); }

void NodeThread::stop() noexcept {
  stopping_ = true;
  open_->clear();
  wake();
  if (thread_.joinable()) thread_.join();
}

void NodeThread::wake() const noexcept { ::eventfd_write(wake_.get(), 1); }

void NodeThread::ask(Request request, Done<Answer> done) {
  Job job;
  job.request = std::move(request);
  job.done = std::move(done);
  hand_over(std::move(job));
}

std::uint64_t NodeThread::ask_open_ended(Request request, Done<Answer> done) {
  Job job;
  job.request = std::move(request);
  job.done = std::move(done);
  job.open_ended = true;
  return hand_over(std::move(job));
}

std::uint64_t NodeThread::hand_over(Job job) {
  if (stopping_) return 0;
  const std::uint64_t id = job.id = ++last_id_;
  // The callback stays on the loop: whatever it holds is not destroyed on the node's thread.
  (*open_)[id] = std::exchange(job.done, [](Result<Answer>) {});
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(job));
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake();
  return id;
}

void NodeThread::hang_up(std::uint64_t id) {
  open_->erase(id);
  {
    const std::lock_guard lock(mutex_);
    hung_up_.push_back(id);
  }
  wake();
}

void NodeThread::forgive() {
  const std::lock_guard lock(mutex_);
  forgiven_ = true;
}

LoginFacts NodeThread::login() const {
  const std::lock_guard lock(mutex_);
  return login_;
}

void NodeThread::deliver(Job job, Result<Answer> result) {
  auto shared = std::make_shared<Result<Answer>>(std::move(result));
  auto request = std::make_shared<Request>(std::move(job.request));  // its callables die on the loop, too
  host_.post([open = std::weak_ptr(open_), id = job.id, shared, request] {
    const auto calls = open.lock();
    if (!calls) return;
    const auto call = calls->extract(id);
    if (!call.empty()) call.mapped()(std::move(*shared));
  });
}

void NodeThread::run() {
  // Before the first answer is known, so is the login that it came by.
  Conversation conversation(settings_, factory_, stopping_,
                            [this, &conversation](Job job, Result<Answer> result) {
                              if (auto login = conversation.take_login()) {
                                const std::lock_guard lock(mutex_);
                                login_ = std::move(*login);
                              }
                              deliver(std::move(job), std::move(result));
                            });
  std::vector<pollfd> set;
  while (!stopping_) {
    std::vector<Job> jobs;
    std::vector<std::uint64_t> hung_up;
    {
      const std::lock_guard lock(mutex_);
      jobs.swap(inbox_);
      hung_up.swap(hung_up_);
      if (std::exchange(forgiven_, false)) conversation.forgive();
    }
    for (auto& job : jobs) conversation.take(std::move(job));
    for (const auto id : hung_up) conversation.hang_up(id);
    if (conversation.turn()) continue;
    set.assign(1, {wake_.get(), POLLIN, 0});
    conversation.poll_set(set);
    const auto wait = std::clamp(conversation.wake_at() - Clock::now(), Clock::duration::zero(),
                                 Clock::duration(longest_sleep));
    ::poll(set.data(), set.size(),
           static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count()));
    eventfd_t count = 0;
    if (set.front().revents != 0) ::eventfd_read(wake_.get(), &count);
  }
}

}  // namespace grid::ssh
