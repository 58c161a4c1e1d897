// One function per form of the API (docs/api.md): writes the page's view onto the page. Whatever a view lacks
// is left out.
#pragma once

#include "page.hpp"

namespace grid::text {

void show_snapshot(Page& page);
void show_nodes(Page& page);
void show_doctor(Page& page);
void show_host_keys(Page& page);
void show_node_added(Page& page);
void show_scan(Page& page);
void show_decision(Page& page);
void show_decisions(Page& page);
void show_plan(Page& page);
void show_history(Page& page);
void show_executions(Page& page);
void show_execution(Page& page);
void show_events(Page& page);
void show_event(Page& page);
void show_why(Page& page);
void show_plugins(Page& page);
void show_plugin(Page& page);
void show_config_check(Page& page);
void show_config(Page& page);
void show_daemon(Page& page);
void show_memory(Page& page);
void show_error(Page& page);
void show_anything(Page& page);  // indented "key: value"

}  // namespace grid::text
