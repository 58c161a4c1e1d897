// The client in this process: one libssh2 session, its channels driven by poll().
#pragma once

#include <memory>
#include <string>

#include "destination.hpp"
#include "wire.hpp"

namespace grid::ssh {

class Multiplex;

class Libssh2Wire final : public Wire {
 public:
  Libssh2Wire(std::string address, Setup setup);
  ~Libssh2Wire() override;
  Result<> connect(Clock::time_point deadline, const Stopping& stopping) override;
  Result<std::unique_ptr<Channel>> open(std::string_view command, Clock::time_point deadline,
                                        const Stopping& stopping) override;
  void poll_set(std::vector<pollfd>& set, bool writing) const override;
  Result<> alive() override;
  [[nodiscard]] std::string login() const override { return login_; }

 private:
  std::string address_;
  Setup setup_;
  std::string login_;
  std::shared_ptr<Multiplex> multiplex_;  // shared with the channels
};

}  // namespace grid::ssh
