#include "core/daemon/routes.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/daemon/execution_view.hpp"
#include "core/daemon/log_stream.hpp"
#include "core/daemon/snapshot_stream.hpp"

namespace grid {
namespace {

using Reply = std::shared_ptr<HttpReply>;

constexpr std::size_t slow_follower_bytes = 4U << 20U;
constexpr std::int64_t most_events = 10'000;  // in one read of the store

int status_of(Code code) {
  switch (code) {
    case Code::usage:
    case Code::config_invalid:
      return 400;
    case Code::not_found:
    case Code::process_not_found:
      return 404;
    case Code::policy_denied:
    case Code::no_eligible_target:
    case Code::not_restartable:
    case Code::resource_conflict:
    case Code::preflight_failed:
    case Code::host_key_mismatch:
    case Code::program_not_found:
      return 409;
    case Code::node_unreachable:
      return 502;
    case Code::daemon_unavailable:
      return 503;
    case Code::timed_out:
      return 504;
    case Code::storage_failed:
      return 507;
    default:
      return 500;
  }
}

void answer(const Reply& reply, const Result<Json>& result, int good = 200) {
  if (result)
    reply->send(good, dump_json(*result));
  else
    reply->send(status_of(result.error().code), dump_json(error_to_json(result.error())));
}

std::int64_t number(const HttpRequest& request, std::string_view name, std::int64_t otherwise) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return otherwise;
  std::int64_t value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : otherwise;
}

std::string text(const HttpRequest& request, std::string_view name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

// A body's members, of the right type or not at all.
template <class T>
T member(const Json& body, const char* name, T otherwise) {
  const auto found = body.find(name);
  if (found == body.end() || found->is_null()) return otherwise;
  if constexpr (std::is_same_v<T, bool>)
    return found->is_boolean() ? found->get<bool>() : otherwise;
  else if constexpr (std::is_arithmetic_v<T>)
    return found->is_number() ? found->get<T>() : otherwise;
  else
    return found->is_string() ? found->get<T>() : otherwise;
}

}  // namespace

Routes::Routes(Service& service, Host& host, About about)
    : service_(service), host_(host), about_(std::move(about)) {
  service_.ledger().on_event([this](const EventRecord& event) {
    const std::string line = dump_json(event_to_json(event)) + "\n";
    for (const auto& [id, follower] : followers_) follower->write(line);
    std::erase_if(followers_, [](const auto& follower) {
      // One that does not read is let go: it asks again with the last `seq` that it saw.
      if (follower.second->waiting_bytes() > slow_follower_bytes) follower.second->end();
      return !follower.second->open() || follower.second->waiting_bytes() > slow_follower_bytes;
    });
  });
}

void Routes::handle(HttpRequest request, std::shared_ptr<HttpReply> reply) {
  const bool get = request.method == "GET";
  const bool post = request.method == "POST";
  const std::string& path = request.path;
  if (!get && !post) return answer(reply, fail(Code::usage, "only GET and POST are served"));
  constexpr std::string_view one = "/v1/executions/";
  if (path == "/v1/executions") return executions(request, reply);
  if (path.starts_with(one)) return execution(request, path.substr(one.size()), reply);
  if (path == "/v1/snapshot" && get) return snapshot(request, reply);
  if (path == "/v1/candidates" && get) return answer(reply, service_.candidates_view());
  if (path == "/v1/events" && get) return events(request, reply);
  if (path == "/v1/decisions") return decisions(request, reply);
  if (path == "/v1/offload" && post) return offload(request, reply);
  if (path == "/v1/history" && get)
    return answer(reply, service_.history(std::clamp<std::int64_t>(number(request, "limit", 50), 1, 10'000)));
  if (path == "/v1/why" && get) return answer(reply, service_.why(text(request, "subject")));
  if (path == "/v1/policy/memory" && get) {
    const auto memory = service_.ledger().store().memory(text(request, "policy"));
    if (!memory) return answer(reply, fail(memory.error()));
    return answer(reply, Json{{"schema", "grid/memory/1"}, {"memory", *memory}});
  }
  if (path == "/v1/doctor" && get)
    return service_.doctor(text(request, "node"), about_.daemon.value("version", ""),
                           [reply](Result<Json> done) { answer(reply, done); });
  if (path == "/v1/nodes") return nodes(request, reply);
  constexpr std::string_view of_nodes = "/v1/nodes/";
  constexpr std::string_view keys = "/host-keys";
  if (path.starts_with(of_nodes) && path.ends_with(keys) && path.size() > of_nodes.size() + keys.size())
    return host_keys(request, path.substr(of_nodes.size(), path.size() - of_nodes.size() - keys.size()),
                     reply);
  if (path == "/v1/daemon" && get) return answer(reply, daemon());
  if (path == "/v1/daemon/stop" && post) {
    answer(reply, daemon());
    about_.stop();
    return;
  }
  answer(reply, fail(Code::not_found, request.method + " " + path + " is not part of the API"));
}

Json Routes::daemon() const {
  Json json = about_.daemon;
  json["degraded"] = service_.ledger().degraded();
  return json;
}

void Routes::executions(const HttpRequest& request, const Reply& reply) {
  if (request.method == "GET") {
    const std::int64_t limit = std::clamp<std::int64_t>(number(request, "limit", 100), 1, 100'000);
    return answer(reply, service_.executions(text(request, "all") == "1", limit));
  }
  const auto body = parse_json(request.body);
  if (!body) return answer(reply, fail(body.error()));
  answer(reply, service_.submit(*body), 201);
}

void Routes::execution(const HttpRequest& request, const std::string& rest, const Reply& reply) {
  const std::size_t slash = rest.find('/');
  const std::string id = rest.substr(0, slash);
  const std::string what = slash == std::string::npos ? "" : rest.substr(slash + 1);
  const bool get = request.method == "GET";
  if (what.empty() && get) {
    if (request.query.contains("wait_ms")) return wait(id, number(request, "wait_ms", 0), reply);
    return answer(reply, service_.execution(id));
  }
  if (what == "logs" && get) return logs(request, id, reply);
  if (what == "cancel" && !get) return answer(reply, service_.cancel(id));
  if (what == "signal" && !get) {
    const auto body = parse_json(request.body);
    const int signal = body && body->is_object() ? member(*body, "signal", 0) : 0;
    if (signal < 1 || signal > 64)
      return answer(reply, fail(Code::usage, "signal: expected a number from 1 to 64"));
    return service_.signal(id, signal, [reply](Result<Json> done) { answer(reply, done); });
  }
  answer(reply, fail(Code::not_found, request.path + " is not part of the API"));
}

void Routes::wait(const std::string& id, std::int64_t wait_ms, const Reply& reply) {
  const auto now = service_.execution(id);
  if (!now) return answer(reply, fail(now.error()));
  const auto parsed = parse_id(id);
  struct Waiting {
    bool answered = false;
    std::uint64_t waiter = 0;
    std::unique_ptr<Host::Handle> timer;
  };
  constexpr std::int64_t longest_ms = 7 * 86'400'000LL;
  auto waiting = std::make_shared<Waiting>();
  const auto finish = [this, waiting, reply, id] {
    if (std::exchange(waiting->answered, true)) return;
    waiting->timer.reset();
    answer(reply, service_.execution(id));
  };
  waiting->timer =
      host_.after(std::chrono::milliseconds(std::clamp<std::int64_t>(wait_ms, 0, longest_ms)), [=, this] {
        if (std::exchange(waiting->answered, true)) return;
        service_.ledger().wait_no_more(parsed->task, waiting->waiter);
        answer(reply, fail(Code::timed_out, "execution " + id + " has not ended yet", "see: grid why " + id));
      });
  waiting->waiter = service_.ledger().when_finished(parsed->task, parsed->element, finish);
}

void Routes::logs(const HttpRequest& request, const std::string& id, const Reply& reply) {
  const std::string name = text(request, "stream");
  if (name != "stdout" && name != "stderr")
    return answer(reply, fail(Code::usage, "stream: expected stdout or stderr"));
  LogStream::Request wanted;
  wanted.id = id;
  wanted.stream = name == "stdout" ? Stream::out : Stream::err;
  wanted.offset = static_cast<std::uint64_t>(std::max<std::int64_t>(number(request, "offset", 0), 0));
  wanted.follow = text(request, "follow") == "1";
  if (const auto found = service_.logs(id, wanted.stream); !found) return answer(reply, fail(found.error()));
  std::make_shared<LogStream>(service_, host_, std::move(wanted), reply)->begin([reply](const Error& error) {
    answer(reply, fail(error));
  });
}

void Routes::snapshot(const HttpRequest& request, const Reply& reply) {
  if (text(request, "stream") != "1") return answer(reply, service_.snapshot_view());
  const auto interval =
      std::chrono::milliseconds(std::clamp<std::int64_t>(number(request, "interval_ms", 1000), 100, 60'000));
  std::make_shared<SnapshotStream>(service_, host_, interval, reply)->begin();
}

void Routes::events(const HttpRequest& request, const Reply& reply) {
  const bool follow = text(request, "follow") == "1";
  const std::int64_t after = number(request, "after", -1);
  // Who follows from an event on must miss none of those that came since.
  const std::int64_t limit = follow && after >= 0
                                 ? most_events
                                 : std::clamp<std::int64_t>(number(request, "limit", 100), 1, most_events);
  auto found = service_.ledger().store().events(after, limit, text(request, "subject"));
  if (!found) return answer(reply, fail(found.error()));
  if (follow) {
    reply->begin("application/x-ndjson", {});
    for (;;) {
      for (const EventRecord& event : *found) reply->write(dump_json(event_to_json(event)) + "\n");
      if (after < 0 || static_cast<std::int64_t>(found->size()) < limit) break;
      found = service_.ledger().store().events(found->back().seq, limit, text(request, "subject"));
      if (!found) return reply->end();
    }
    followers_[next_follower_++] = reply;
    return;
  }
  Json list = Json::array();
  for (const EventRecord& event : *found) list.push_back(event_to_json(event));
  answer(reply, Json{{"schema", "grid/events/1"}, {"events", std::move(list)}});
}

void Routes::decisions(const HttpRequest& request, const Reply& reply) {
  if (request.method == "POST") {
    const auto body = parse_json(request.body);
    if (!body) return answer(reply, fail(body.error()));
    if (!body->is_object() || !body->contains("scan"))
      return answer(reply, fail(Code::usage, "expected an object with a scan"));
    return answer(reply, service_.record_scan((*body)["scan"], member(*body, "memory", std::string())));
  }
  const auto found =
      service_.ledger().store().decisions(std::clamp<std::int64_t>(number(request, "limit", 20), 1, 1000));
  if (!found) return answer(reply, fail(found.error()));
  Json list = Json::array();
  for (const DecisionRecord& record : *found) {
    Json entry = record.scan;
    entry.erase("schema");
    entry["seq"] = record.seq;
    entry["at"] = rfc3339_ms(record.at_ms);
    list.push_back(std::move(entry));
  }
  answer(reply, Json{{"schema", "grid/decisions/1"}, {"decisions", std::move(list)}});
}

void Routes::offload(const HttpRequest& request, const Reply& reply) {
  const auto body = parse_json(request.body);
  if (!body) return answer(reply, fail(body.error()));
  OffloadRequest wanted;
  wanted.pid = body->is_object() ? member(*body, "pid", 0) : 0;
  if (wanted.pid <= 0) return answer(reply, fail(Code::usage, "pid: expected the number of a process"));
  if (const auto ticks = member<std::uint64_t>(*body, "start_ticks", 0); ticks != 0)
    wanted.start_ticks = ticks;
  wanted.to = member(*body, "to", std::string());
  const auto original = original_from_string(member(*body, "original", std::string("pause")));
  if (!original) return answer(reply, fail(Code::usage, "original: expected pause, stop or keep"));
  wanted.original = *original;
  wanted.accept_loss = member(*body, "accept_loss", false);
  wanted.dry_run = member(*body, "dry_run", false);
  wanted.stage = member(*body, "stage", true);
  wanted.trigger = member(*body, "trigger", std::string());
  service_.offload(wanted, [reply, dry = wanted.dry_run](Result<Json> done) {
    // A refusal with details of its own comes as the error object.
    if (done && done->contains("error") && (*done)["error"].is_object())
      return reply->send(status_of(error_from_json(*done).code), dump_json(*done));
    answer(reply, done, dry ? 200 : 202);
  });
}

void Routes::nodes(const HttpRequest& request, const Reply& reply) {
  if (request.method == "GET") return answer(reply, service_.nodes_view());
  const auto body = parse_json(request.body);
  if (!body) return answer(reply, fail(body.error()));
  const std::string name = body->is_object() ? member(*body, "name", std::string()) : "";
  if (name.empty()) return answer(reply, fail(Code::usage, "name: expected the name of a node"));
  answer(reply, about_.add_node(name), 201);
}

void Routes::host_keys(const HttpRequest& request, const std::string& node, const Reply& reply) {
  const auto done = [reply](Result<Json> keys) { answer(reply, keys); };
  if (request.method == "GET") return service_.host_keys(node, done);
  const auto body = parse_json(request.body);
  if (!body) return answer(reply, fail(body.error()));
  const std::string fingerprint = body->is_object() ? member(*body, "fingerprint", std::string()) : "";
  if (fingerprint.empty())
    return answer(reply,
                  fail(Code::usage, "fingerprint: expected one that the host shows, such as SHA256:…"));
  service_.trust(node, fingerprint, done);
}

}  // namespace grid
