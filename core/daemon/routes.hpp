// The API of docs/api.md: requests to calls of the service, results to answers. [loop]
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "core/daemon/http_server.hpp"
#include "core/daemon/service.hpp"

namespace grid {

class Routes {
 public:
  struct About {
    Json daemon;  // grid/daemon/1 without what changes
    std::function<void()> stop;
    std::function<Result<Json>(const std::string& name)> add_node;  // as the configuration has it now
  };
  Routes(Service& service, Host& host, About about);
  void handle(HttpRequest request, std::shared_ptr<HttpReply> reply);

 private:
  using Reply = std::shared_ptr<HttpReply>;
  void executions(const HttpRequest& request, const Reply& reply);
  void execution(const HttpRequest& request, const std::string& rest, const Reply& reply);
  void wait(const std::string& id, std::int64_t wait_ms, const Reply& reply);
  void logs(const HttpRequest& request, const std::string& id, const Reply& reply);
  void snapshot(const HttpRequest& request, const Reply& reply);
  void events(const HttpRequest& request, const Reply& reply);
  void decisions(const HttpRequest& request, const Reply& reply);
  void offload(const HttpRequest& request, const Reply& reply);
  void nodes(const HttpRequest& request, const Reply& reply);
  void host_keys(const HttpRequest& request, const std::string& node, const Reply& reply);
  [[nodiscard]] Json daemon() const;

  Service& service_;
  Host& host_;
  About about_;
  std::map<std::uint64_t, Reply> followers_;  // of events
  std::uint64_t next_follower_ = 0;
};

}  // namespace grid
