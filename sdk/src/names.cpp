#include <array>
#include <utility>

#include "grid/sdk/model.hpp"
#include "grid/sdk/plugin.hpp"
#include "grid/sdk/result.hpp"

namespace grid {
namespace {

struct CodeRow {
  Code code;
  std::string_view name;
  int exit_code;
};

constexpr std::array<CodeRow, 21> codes{{
    {Code::usage, "Usage", 2},
    {Code::config_invalid, "ConfigInvalid", 2},
    {Code::not_found, "NotFound", 3},
    {Code::process_not_found, "ProcessNotFound", 3},
    {Code::policy_denied, "PolicyDenied", 4},
    {Code::no_eligible_target, "NoEligibleTarget", 4},
    {Code::not_restartable, "NotRestartable", 4},
    {Code::resource_conflict, "ResourceConflict", 4},
    {Code::preflight_failed, "PreflightFailed", 4},
    {Code::node_unreachable, "NodeUnreachable", 5},
    {Code::host_key_mismatch, "HostKeyMismatch", 5},
    {Code::daemon_unavailable, "DaemonUnavailable", 6},
    {Code::plugin_incompatible, "PluginIncompatible", 1},
    {Code::plugin_fault, "PluginFault", 1},
    {Code::ray_unavailable, "RayUnavailable", 5},
    {Code::storage_failed, "StorageFailed", 1},
    {Code::timed_out, "TimedOut", 124},
    {Code::cannot_run, "CannotRun", 126},
    {Code::program_not_found, "ProgramNotFound", 127},
    {Code::cancelled, "Cancelled", 1},
    {Code::internal, "Internal", 1},
}};

}  // namespace

std::string_view to_string(Code code) noexcept {
  for (const auto& row : codes)
    if (row.code == code) return row.name;
  return "Internal";
}

Code code_from_string(std::string_view name) noexcept {
  for (const auto& row : codes)
    if (row.name == name) return row.code;
  return Code::internal;
}

int exit_code(Code code) noexcept {
  for (const auto& row : codes)
    if (row.code == code) return row.exit_code;
  return 1;
}

std::string_view to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::policy:
      return "policy";
    case Kind::transport:
      return "transport";
    case Kind::metrics:
      return "metrics";
    case Kind::renderer:
      return "renderer";
  }
  return "unknown";
}

std::string_view to_string(Role role) noexcept { return role == Role::head ? "head" : "worker"; }

std::string_view to_string(NodeState state) noexcept {
  switch (state) {
    case NodeState::unknown:
      return "unknown";
    case NodeState::alive:
      return "alive";
    case NodeState::suspect:
      return "suspect";
    case NodeState::dead:
      return "dead";
    case NodeState::draining:
      return "draining";
  }
  return "unknown";
}

std::string_view to_string(Restartable grade) noexcept {
  switch (grade) {
    case Restartable::yes:
      return "yes";
    case Restartable::with_loss:
      return "with_loss";
    case Restartable::no:
      return "no";
  }
  return "no";
}

}  // namespace grid
