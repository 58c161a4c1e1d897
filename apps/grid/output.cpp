#include "apps/grid/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "apps/grid/help.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "grid/sdk/bytes.hpp"

namespace grid::cli {

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // somebody else made our terminal non-blocking
      pollfd entry{fd, POLLOUT, 0};
      ::poll(&entry, 1, -1);
    } else if (errno == EPIPE) {
      return fail(Code::cancelled, "");
    } else if (errno != EINTR) {
      return fail(Code::storage_failed, "cannot write the output: " + errno_text(errno));
    }
  }
  return {};
}

int show_error(const Error& error, const Command* command, bool json, const Json& details) {
  if (error.message.empty()) return exit_code(error.code);
  if (json) {
    Json object = error_to_json(error);
    if (details.is_object()) object["error"]["details"].update(details);
    (void)write_all(STDOUT_FILENO, dump_json(object, 2) + "\n");
    return exit_code(error.code);
  }
  std::string text = "error: " + visible(error.message, true) + "\n";
  if (!error.hint.empty()) text += "hint: " + visible(error.hint, true) + "\n";
  if (error.code == Code::usage && command != nullptr)
    text += usage_line(*command) + "More: grid " + std::string(command->path) + " -h\n";
  (void)write_all(STDERR_FILENO, text);
  return exit_code(error.code);
}

}  // namespace grid::cli
