#include "core/scan/proc_text.hpp"
#include "core/scan/socket_table.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto argv = grid::split_at_nul(text);
  if (grid::join_command(argv, text.substr(0, 15), 100).size() > 100 && text.size() > 200 &&
      argv.size() < 2 && !argv[0].empty() && argv[0].find_first_not_of(' ') != std::string::npos &&
      argv[0].find_first_not_of(' ') < 100) {
    __builtin_trap();  // the cap does not hold
  }
  (void)grid::is_title(text);
  (void)grid::find_variable(text, "PATH");
  (void)grid::parse_status(text);
  (void)grid::parse_cgroup(text);
  (void)grid::parse_fdinfo(text);
  (void)grid::parse_written_maps(text);
  grid::SocketTable table;
  grid::parse_tcp(text, table);
  grid::parse_udp(text, table);
  grid::parse_unix(text, table);
  grid::parse_netlink(text, table);
  return 0;
}
