#include "libssh2_session.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>

#include "failures.hpp"
#include "grid/sdk/bytes.hpp"
#include "tcp.hpp"

namespace grid::ssh {
namespace {

// libssh2_init() is not safe against itself, and libssh2_session_init() may call it.
void initialize() {
  static std::once_flag once;
  std::call_once(once, [] { ::libssh2_init(0); });
}

// Broken or near it: SHA-1, CBC, RC4, MD5, DSA, no encryption.
bool outdated(std::string_view algorithm) {
  for (const std::string_view part : {"sha1", "-cbc", "arcfour", "md5", "ripemd", "-dss", "none", "-96"}) {
    if (algorithm.find(part) != std::string_view::npos) return true;
  }
  return algorithm == "ssh-rsa";  // signs with SHA-1
}

std::vector<std::string> supported(LIBSSH2_SESSION* session, int method) {
  const char** names = nullptr;
  const int count = ::libssh2_session_supported_algs(session, method, &names);
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.emplace_back(names[i]);
  if (names != nullptr) ::libssh2_free(session, names);
  return out;
}

// What algorithms check a key of the type that known_hosts names.
bool checks(std::string_view algorithm, std::string_view type) {
  return algorithm == type || (type == "ssh-rsa" && algorithm.starts_with("rsa-sha2-"));
}

}  // namespace

bool modern_rsa(LIBSSH2_SESSION* session) {
  const auto names = supported(session, LIBSSH2_METHOD_HOSTKEY);
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& each) { return each.starts_with("rsa-sha2-"); });
}

Result<std::unique_ptr<Session>> Session::connect(const Destination& to,
                                                  const std::vector<std::string>& known_types,
                                                  Clock::time_point deadline, const Stopping& stopping) {
  initialize();
  std::unique_ptr<Session> session(new Session(to));
  if (auto opened = session->open_socket(deadline, stopping); !opened) return fail(opened.error());
  if (auto greeted = session->shake_hands(known_types, deadline, stopping); !greeted)
    return fail(greeted.error());
  return session;
}

Session::~Session() {
  if (session_ == nullptr) return;
  if (!half_sent()) ::libssh2_session_disconnect(session_, "done");
  // Freeing a channel waits for the host to close it, unless libssh2 has seen the connection end.
  ::shutdown(socket_.get(), SHUT_RDWR);
  for (int i = 0; i < 1000 && ::libssh2_session_free(session_) == LIBSSH2_ERROR_EAGAIN; ++i) {
  }
}

Result<> Session::open_socket(Clock::time_point deadline, const Stopping& stopping) {
  if (to_.proxied()) {
    auto proxy = start_proxy(to_);
    if (!proxy) return fail(proxy.error());
    socket_ = std::move(proxy->socket);
    proxy_ = std::move(proxy->child);
    complaints_ = std::move(proxy->complaints);
    return {};
  }
  auto socket = connect_tcp(to_, deadline, stopping);
  if (!socket) return fail(socket.error());
  socket_ = std::move(*socket);
  return {};
}

Result<> Session::shake_hands(const std::vector<std::string>& known_types, Clock::time_point deadline,
                              const Stopping& stopping) {
  session_ = ::libssh2_session_init_ex(nullptr, nullptr, nullptr, nullptr);
  if (session_ == nullptr) return fail(Code::internal, "libssh2 has no memory for a session");
  ::libssh2_session_set_blocking(session_, 0);
  prefer(LIBSSH2_METHOD_HOSTKEY, known_types);
  for (const int method : {LIBSSH2_METHOD_KEX, LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC,
                           LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC})
    prefer(method, {});
  const auto greeted =
      wait_for([this] { return ::libssh2_session_handshake(session_, socket_.get()); }, deadline, stopping);
  if (!greeted) {
    if (greeted.error().code == Code::cancelled) return fail(greeted.error());
    return fail(to_.proxied() ? silent(to_) : silent_after_connect(to_));
  }
  if (*greeted != 0) return fail(handshake_error(*greeted));
  return {};
}

void Session::prefer(int method, const std::vector<std::string>& first) {
  auto names = supported(session_, method);
  std::erase_if(names, outdated);
  const auto rank = [&first](const std::string& name) {
    return std::find_if(first.begin(), first.end(),
                        [&](const std::string& type) { return checks(name, type); }) -
           first.begin();
  };
  std::stable_sort(names.begin(), names.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  std::string list;
  for (const std::string& each : names) list.append(list.empty() ? "" : ",").append(each);
  ::libssh2_session_method_pref(session_, method, list.c_str());
}

Error Session::handshake_error(int code) const {
  const std::string complaint = to_.proxied() ? complaints_.last_line() : std::string();
  switch (code) {
    case LIBSSH2_ERROR_KEX_FAILURE:
    case LIBSSH2_ERROR_METHOD_NONE:
    case LIBSSH2_ERROR_METHOD_NOT_SUPPORTED:
      return nothing_in_common(to_, "", true);
    case LIBSSH2_ERROR_BANNER_RECV:
    case LIBSSH2_ERROR_BANNER_SEND:
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_SOCKET_RECV:
    case LIBSSH2_ERROR_SOCKET_SEND: {
      const char* line = ::libssh2_session_banner_get(session_);
      const std::string_view banner = line != nullptr ? line : "";
      if (to_.proxied() && banner.empty()) return proxy_failed(to_, complaint);
      if (banner.empty() || banner.starts_with("SSH-")) return closed_early(to_, "");
      // sshd says so in place of its banner when it takes no more.
      if (banner.starts_with("Exceeded") || banner.starts_with("Not allowed"))
        return closed_early(to_, banner);
      return not_ssh(to_);
    }
    default:
      return Error{Code::node_unreachable,
                   "the key exchange with " + to_.where() + " failed: " + last_error() + " (" +
                       std::to_string(code) + ")",
                   "try `client: openssh` for this node",
                   {},
                   false};
  }
}

std::string Session::host_key() const {
  std::size_t size = 0;
  int type = 0;
  const char* key = ::libssh2_session_hostkey(session_, &size, &type);
  return key != nullptr ? std::string(key, size) : std::string();
}

Result<int> Session::wait_for(const std::function<int()>& call, Clock::time_point deadline,
                              const Stopping& stopping) {
  while (true) {
    const int result = call();
    if (result != LIBSSH2_ERROR_EAGAIN) return result;
    if (stopping.load()) return fail(given_up(to_));
    if (Clock::now() >= deadline) return fail(silent(to_));
    pollfd ready{socket_.get(), POLLIN, 0};
    if (half_sent()) ready.events |= POLLOUT;
    ::poll(&ready, 1, poll_ms(deadline));
  }
}

bool Session::half_sent() const {
  return (::libssh2_session_block_directions(session_) & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
}

std::string Session::last_error() const {
  char* text = nullptr;
  int size = 0;
  ::libssh2_session_last_error(session_, &text, &size, 0);
  return text != nullptr ? visible({text, static_cast<std::size_t>(size)}) : std::string();
}

Error Session::lost() const {
  if (to_.proxied()) return connection_lost(to_, complaints_.last_line());
  return connection_lost(to_, last_error());
}

}  // namespace grid::ssh
