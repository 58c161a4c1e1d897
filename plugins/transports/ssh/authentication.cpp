#include "authentication.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "agent.hpp"
#include "digest.hpp"
#include "failures.hpp"
#include "grid/sdk/bytes.hpp"
#include "identities.hpp"
#include "login_refused.hpp"

namespace grid::ssh {
namespace {

struct Candidate {
  std::string blob;
  std::string type;
  std::string file;  // empty: the agent holds it
  bool configured = false;
};

// What libssh2 calls back with.
struct Signer {
  Agent* agent = nullptr;
  std::string blob;
};

int sign(LIBSSH2_SESSION*, unsigned char** signature, std::size_t* size, const unsigned char* data,
         std::size_t data_size, void** abstract) {
  const auto* signer = static_cast<const Signer*>(*abstract);
  const auto raw = signer->agent->sign(signer->blob, {reinterpret_cast<const char*>(data), data_size});
  if (!raw) return -1;
  // libssh2 frees it: with free(), as the session was made without an allocator of its own.
  *signature = static_cast<unsigned char*>(std::malloc(raw->size()));
  if (*signature == nullptr) return -1;
  std::memcpy(*signature, raw->data(), raw->size());
  *size = raw->size();
  return 0;
}

bool gone(int code) {
  return code == LIBSSH2_ERROR_SOCKET_DISCONNECT || code == LIBSSH2_ERROR_SOCKET_RECV ||
         code == LIBSSH2_ERROR_SOCKET_SEND || code == LIBSSH2_ERROR_SOCKET_NONE;
}

class Login {
 public:
  Login(Session& session, Clock::time_point deadline, const Stopping& stopping)
      : session_(session), to_(session.destination()), deadline_(deadline), stopping_(stopping) {}

  Result<std::string> run() {
    const auto methods = ask_methods();
    if (!methods) return fail(methods.error());
    if (!*methods) return std::string("no key: the host asks for none");
    if (("," + **methods + ",").find(",publickey,") == std::string::npos)
      return fail(login_refused(to_, "it takes no keys, only " + **methods, true, deadline_, stopping_));
    for (const Candidate& candidate : candidates()) {
      const auto result = offer(candidate);
      if (!result) return fail(result.error());
      if (*result == 0) return name(candidate);
      if (gone(*result)) {
        if (offered_ < 3) return fail(session_.lost());
        return fail(login_refused(to_, "it closed the connection after " + std::to_string(offered_) + " keys",
                                  true, deadline_, stopping_));
      }
    }
    return fail(login_refused(to_, "", true, deadline_, stopping_));
  }

 private:
  // nullopt: we are in already.
  Result<std::optional<std::string>> ask_methods() {
    const char* list = nullptr;
    const auto asked = session_.wait_for(
        [&] {
          list = ::libssh2_userauth_list(session_.raw(), to_.user.data(),
                                         static_cast<unsigned>(to_.user.size()));
          return list != nullptr || ::libssh2_userauth_authenticated(session_.raw()) != 0
                     ? 0
                     : ::libssh2_session_last_errno(session_.raw());
        },
        deadline_, stopping_);
    if (!asked) return fail(asked.error());
    if (*asked != 0) return fail(session_.lost());
    if (list == nullptr) return std::optional<std::string>();
    return std::optional<std::string>(visible(list));
  }

  std::vector<Candidate> candidates() {
    std::vector<Candidate> out;
    const auto files = identities(to_);
    const auto configured = [&files](const std::string& blob) {
      return std::any_of(files.begin(), files.end(),
                         [&](const Identity& each) { return !each.blob.empty() && each.blob == blob; });
    };
    if (!to_.agent.empty()) {
      // An agent that does not answer must not keep us from the files: it gets half of the time.
      const auto now = Clock::now();
      auto agent = Agent::connect(to_.agent, now + (deadline_ - now) / 2, stopping_);
      if (agent) agent_ = std::move(*agent);
    }
    if (agent_) {
      if (auto keys = agent_->keys()) {
        for (Agent::Key& key : *keys) {
          const bool named = configured(key.blob);
          if (to_.identities_only && !named) continue;
          const std::string type = key_type(key.blob);
          out.push_back({std::move(key.blob), type, {}, named});
        }
      } else {
        agent_.reset();
      }
    }
    for (const Identity& file : files) {
      const bool held = std::any_of(out.begin(), out.end(), [&](const Candidate& each) {
        return !file.blob.empty() && each.blob == file.blob;
      });
      if (!held && !file.encrypted) out.push_back({file.blob, file.type, file.file, true});
    }
    std::erase_if(out, [](const Candidate& each) { return each.type.starts_with("sk-"); });
    // The host counts the keys offered: first the agent's keys that are configured, then its others, then the
    // files; what it will hardly take comes last.
    const bool rsa_last = !modern_rsa(session_.raw());
    const auto rank = [&](const Candidate& each) {
      if (rsa_last && each.type == "ssh-rsa") return 3;
      if (!each.file.empty()) return 2;
      return each.configured ? 0 : 1;
    };
    std::stable_sort(out.begin(), out.end(),
                     [&](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
    return out;
  }

  Result<int> offer(const Candidate& candidate) {
    ++offered_;
    const auto user_size = static_cast<unsigned>(to_.user.size());
    if (!candidate.file.empty()) {
      return session_.wait_for(
          [&] {
            return ::libssh2_userauth_publickey_fromfile_ex(session_.raw(), to_.user.data(), user_size,
                                                            nullptr, candidate.file.c_str(), nullptr);
          },
          deadline_, stopping_);
    }
    Signer signer{&*agent_, candidate.blob};
    void* abstract = &signer;
    return session_.wait_for(
        [&] {
          return ::libssh2_userauth_publickey(session_.raw(), to_.user.c_str(),
                                              reinterpret_cast<const unsigned char*>(candidate.blob.data()),
                                              candidate.blob.size(), &sign, &abstract);
        },
        deadline_, stopping_);
  }

  static std::string name(const Candidate& candidate) {
    const std::string print = candidate.blob.empty() ? "" : " " + fingerprint(candidate.blob);
    return (candidate.file.empty() ? "a key of the agent" : candidate.file) + print;
  }

  Session& session_;
  const Destination& to_;
  Clock::time_point deadline_;
  const Stopping& stopping_;
  std::optional<Agent> agent_;
  int offered_ = 0;
};

}  // namespace

Result<std::string> authenticate(Session& session, Clock::time_point deadline, const Stopping& stopping) {
  return Login(session, deadline, stopping).run();
}

}  // namespace grid::ssh
