#include "libssh2_wire.hpp"

#include "authentication.hpp"
#include "digest.hpp"
#include "failures.hpp"
#include "libssh2_multiplex.hpp"

namespace grid::ssh {
namespace {

class Libssh2Channel final : public Channel {
 public:
  Libssh2Channel(std::shared_ptr<Multiplex> multiplex, std::shared_ptr<Multiplex::Line> line)
      : multiplex_(std::move(multiplex)), line_(std::move(line)) {}
  ~Libssh2Channel() override { multiplex_->close(line_); }
  Libssh2Channel(const Libssh2Channel&) = delete;
  Libssh2Channel& operator=(const Libssh2Channel&) = delete;

  Result<std::size_t> write(std::string_view bytes) override { return multiplex_->write(line_, bytes); }

  Result<bool> read(std::string& out, std::string& err) override {
    multiplex_->settle();
    const bool any = !line_->out.empty() || !line_->err.empty();
    if (!any && !line_->ended && multiplex_->broken()) return fail(*multiplex_->broken());
    out += line_->out;
    err += line_->err;
    line_->out.clear();
    line_->err.clear();
    line_->news = false;
    return any;
  }

  [[nodiscard]] bool ended() const override {
    return line_->ended && line_->out.empty() && line_->err.empty();
  }

 private:
  std::shared_ptr<Multiplex> multiplex_;
  std::shared_ptr<Multiplex::Line> line_;
};

}  // namespace

Libssh2Wire::Libssh2Wire(std::string address, Setup setup)
    : address_(std::move(address)), setup_(std::move(setup)) {}

Libssh2Wire::~Libssh2Wire() {
  if (multiplex_) multiplex_->shut(Error{Code::cancelled, "the connection was closed", {}, {}, false});
}

Result<> Libssh2Wire::connect(Clock::time_point deadline, const Stopping& stopping) {
  const auto to = resolve(address_, setup_, deadline, stopping);
  if (!to) return fail(to.error());
  const KnownHost known = load_known_hosts(*to);
  auto session = Session::connect(*to, known.types(), deadline, stopping);
  if (!session) return fail(session.error());
  const std::string key = (*session)->host_key();
  if (auto good = judge_host_key(*to, known, key_type(key), fingerprint(key)); !good)
    return fail(good.error());
  auto login = authenticate(**session, deadline, stopping);
  if (!login) return fail(login.error());
  login_ = std::move(*login);
  multiplex_ = std::make_shared<Multiplex>(std::move(*session));
  return {};
}

Result<std::unique_ptr<Channel>> Libssh2Wire::open(std::string_view command, Clock::time_point deadline,
                                                   const Stopping& stopping) {
  if (!multiplex_) return fail(Code::internal, "a channel was asked for before the connection");
  auto line = multiplex_->open(command, deadline, stopping);
  if (!line) return fail(line.error());
  return std::make_unique<Libssh2Channel>(multiplex_, std::move(*line));
}

void Libssh2Wire::poll_set(std::vector<pollfd>& set, bool writing) const {
  if (multiplex_) multiplex_->poll_set(set, writing);
}

Result<> Libssh2Wire::alive() {
  if (!multiplex_) return fail(Code::internal, "there is no connection yet");
  multiplex_->settle();
  if (multiplex_->broken()) return fail(*multiplex_->broken());
  return {};
}

}  // namespace grid::ssh
