// What each command does: one function, one file. Answers the exit code; an Error is printed by main.
#pragma once

#include "grid/sdk/result.hpp"

namespace grid::cli {

class Context;

Result<int> offload_scan(Context& context);
Result<int> offload_execute(Context& context);
Result<int> offload_status(Context& context);
Result<int> offload_history(Context& context);
Result<int> run(Context& context);
Result<int> ps(Context& context);
Result<int> logs(Context& context);
Result<int> wait(Context& context);
Result<int> cancel(Context& context);
Result<int> why(Context& context);
Result<int> status(Context& context);
Result<int> watch(Context& context);
Result<int> node_list(Context& context);
Result<int> node_add(Context& context);
Result<int> node_trust(Context& context);
Result<int> doctor(Context& context);
Result<int> policy_explain(Context& context);
Result<int> plugin_list(Context& context);
Result<int> plugin_info(Context& context);
Result<int> config_check(Context& context);
Result<int> config_show(Context& context);
Result<int> config_schema_command(Context& context);
Result<int> config_init(Context& context);
Result<int> daemon_start(Context& context);
Result<int> daemon_stop(Context& context);
Result<int> daemon_run(Context& context);
Result<int> daemon_status(Context& context);
Result<int> completion(Context& context);
Result<int> help(Context& context);
Result<int> complete(Context& context);

}  // namespace grid::cli
