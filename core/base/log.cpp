#include "core/base/log.hpp"

#include <memory>

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "grid/sdk/bytes.hpp"

namespace grid {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger>& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("grid", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return instance;
}

void install(spdlog::sink_ptr sink, LogLevel least) {
  logger() = std::make_shared<spdlog::logger>("grid", std::move(sink));
  logger()->set_level(to_spdlog(least));
  logger()->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger()->flush_on(spdlog::level::info);
}

}  // namespace

void log_to_stderr(LogLevel least) { install(std::make_shared<spdlog::sinks::stderr_sink_mt>(), least); }

void log_to_file(const std::filesystem::path& path, LogLevel least) {
  constexpr std::size_t max_bytes = 8U << 20U;
  install(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path.string(), max_bytes, 3), least);
}

void log_line(LogLevel level, std::string_view who, std::string_view text) {
  logger()->log(to_spdlog(level), "{}: {}", who, visible(text));
}

}  // namespace grid
