#include "tar.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace grid::ssh {
namespace {

constexpr std::size_t block_bytes = 512;
constexpr std::size_t name_bytes = 100;
constexpr std::int64_t second_ns = 1'000'000'000;

void put(std::string& block, std::size_t at, std::size_t room, std::string_view text) {
  block.replace(at, std::min(room, text.size()), text.substr(0, room));
}

void put_octal(std::string& block, std::size_t at, std::size_t room, std::uint64_t value) {
  char text[32];
  const int n = std::snprintf(text, sizeof text, "%0*llo", static_cast<int>(room) - 1,
                              static_cast<unsigned long long>(value));
  put(block, at, room, std::string_view(text, static_cast<std::size_t>(n)));
}

std::string block_of(char type, std::string_view name, std::string_view target, std::uint64_t size,
                     std::uint32_t mode, std::int64_t seconds) {
  std::string block(block_bytes, '\0');
  put(block, 0, name_bytes, name);
  put_octal(block, 100, 8, mode & 07777U);
  put_octal(block, 108, 8, 0);  // owner and group are not restored
  put_octal(block, 116, 8, 0);
  put_octal(block, 124, 12, size);
  put_octal(block, 136, 12, static_cast<std::uint64_t>(std::clamp<std::int64_t>(seconds, 0, 077777777777)));
  put(block, 148, 8, "        ");
  block[156] = type;
  put(block, 157, name_bytes, target);
  put(block, 257, 8, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  put_octal(block, 148, 7, sum);
  return block;
}

// A header whose content is about the next one.
std::string extra(char type, std::string_view name, const std::string& content) {
  return block_of(type, name, {}, content.size(), 0644, 0) + content + tar_padding(content.size());
}

// "LENGTH key=value\n", where LENGTH counts itself.
std::string pax_record(const std::string& key, const std::string& value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() != length) length = rest + std::to_string(length).size();
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

}  // namespace

std::string tar_header(const TarEntry& entry) {
  std::string out;
  std::int64_t seconds = entry.mtime_ns / second_ns;
  std::int64_t ns = entry.mtime_ns % second_ns;
  if (ns < 0) {
    --seconds;
    ns += second_ns;
  }
  if (ns != 0 && seconds >= 0 && entry.kind != TarEntry::Kind::folder) {
    char fraction[16];
    std::snprintf(fraction, sizeof fraction, ".%09lld", static_cast<long long>(ns));
    out += extra('x', "././@PaxHeader", pax_record("mtime", std::to_string(seconds) + fraction));
  }
  if (entry.target.size() >= name_bytes) out += extra('K', "././@LongLink", entry.target + '\0');
  if (entry.name.size() >= name_bytes) out += extra('L', "././@LongLink", entry.name + '\0');
  const bool file = entry.kind == TarEntry::Kind::file;
  const char type = file ? '0' : entry.kind == TarEntry::Kind::folder ? '5' : '2';
  return out + block_of(type, entry.name, entry.target, file ? entry.size : 0, entry.mode, seconds);
}

std::string tar_padding(std::uint64_t size) {
  return std::string((block_bytes - size % block_bytes) % block_bytes, '\0');
}

std::string tar_end() { return std::string(2 * block_bytes, '\0'); }

}  // namespace grid::ssh
