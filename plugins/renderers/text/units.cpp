#include "units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <ctime>

namespace grid::text {
namespace {

std::string two(std::int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); }

// Digits from `at`, `count` of them; -1 when they are none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int number = -1;
  const auto end = text.data() + at + count;
  const auto [stop, error] = std::from_chars(text.data() + at, end, number);
  return error == std::errc{} && stop == end ? number : -1;
}

}  // namespace

std::string fixed(double value, int places) {
  if (!std::isfinite(value)) return "?";
  std::array<char, 400> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, places)
          .ptr;
  return {buffer.data(), end};
}

std::string bytes(std::optional<double> value) {
  if (!value) return {};
  constexpr std::array<const char*, 6> names{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  double number = *value;
  while (number >= 1023.95 && unit + 1 < names.size()) {
    number /= 1024;
    ++unit;
  }
  return fixed(number, unit == 0 ? 0 : 1) + " " + names[unit];
}

std::string percent(std::optional<double> fraction) {
  return fraction ? fixed(*fraction * 100, 0) + "%" : "";
}

std::string cpus(std::optional<double> value) {
  if (!value) return {};
  return fixed(*value, *value == std::floor(*value) ? 0 : 2);
}

std::string duration(std::optional<double> seconds) {
  if (!seconds || !std::isfinite(*seconds)) return {};
  if (*seconds < 0) return "0s";
  if (*seconds < 9.95)
    return *seconds == std::floor(*seconds) ? fixed(*seconds, 0) + "s" : fixed(*seconds, 1) + "s";
  if (*seconds > 1e12) return "?";
  const auto whole = static_cast<std::int64_t>(std::llround(*seconds));
  if (whole < 60) return std::to_string(whole) + "s";
  if (whole < 3600) return std::to_string(whole / 60) + "m" + two(whole % 60) + "s";
  if (whole < 86400) return std::to_string(whole / 3600) + "h" + two(whole / 60 % 60) + "m";
  return std::to_string(whole / 86400) + "d" + two(whole / 3600 % 24) + "h";
}

std::optional<WallTime> parse_time(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z')
    return std::nullopt;
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);
  int milliseconds = 0;
  if (text.size() == 24 && text[19] == '.') milliseconds = digits(text, 20, 3);
  const auto date = std::chrono::year(year) / month / day;
  if (year < 0 || month < 0 || day < 0 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60 || milliseconds < 0)
    return std::nullopt;
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                  std::chrono::minutes(minute) + std::chrono::seconds(second) +
                  std::chrono::milliseconds(milliseconds));
}

std::string clock(std::optional<WallTime> time, WallTime now) {
  if (!time) return {};
  const auto local = [](WallTime value) {
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(value).time_since_epoch().count();
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return parts;
  };
  const std::tm then = local(*time);
  const std::tm today = local(now);
  const std::string minutes = two(then.tm_hour) + ":" + two(then.tm_min);
  if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday) return minutes + ":" + two(then.tm_sec);
  return std::to_string(then.tm_year + 1900) + "-" + two(then.tm_mon + 1) + "-" + two(then.tm_mday) + "T" +
         minutes;
}

}  // namespace grid::text
