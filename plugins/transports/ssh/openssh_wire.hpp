// The system's ssh as a client: one master process per host, which owns the connection, and a session in it
// for each channel. For what libssh2 cannot do, and for users whose configuration needs the real one.
#pragma once

#include <memory>
#include <string>

#include "destination.hpp"
#include "wire.hpp"

namespace grid::ssh {

class Master;

class OpensshWire final : public Wire {
 public:
  OpensshWire(std::string address, Setup setup);
  ~OpensshWire() override;
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
  std::shared_ptr<Master> master_;  // shared with the channels
};

}  // namespace grid::ssh
