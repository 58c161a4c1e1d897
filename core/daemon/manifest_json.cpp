#include "core/daemon/manifest_json.hpp"

#include <algorithm>

namespace grid {

Json manifest_to_json(const Manifest& manifest) {
  Json list = Json::array();
  for (const ManifestEntry& e : manifest.entries)
    list.push_back({bytes_to_json(e.path), static_cast<int>(e.kind), e.size, e.mtime_ns, e.mode, e.device,
                    e.inode, bytes_to_json(e.target)});
  return list;
}

Manifest manifest_from_json(const Json& json) {
  Manifest manifest;
  if (!json.is_array()) return manifest;
  for (const Json& entry : json) {
    if (!entry.is_array() || entry.size() != 8) continue;
    if (!std::all_of(entry.begin() + 1, entry.begin() + 7,
                     [](const Json& number) { return number.is_number_integer(); }))
      continue;
    if (entry[1] < 0 || entry[1] > static_cast<int>(ManifestEntry::Kind::folder)) continue;
    auto path = bytes_from_json(entry[0]);
    auto target = bytes_from_json(entry[7]);
    if (!path || !target) continue;
    manifest.entries.push_back({std::move(*path), static_cast<ManifestEntry::Kind>(entry[1].get<int>()),
                                entry[2].get<std::uint64_t>(), entry[3].get<std::int64_t>(),
                                entry[4].get<std::uint32_t>(), std::move(*target),
                                entry[5].get<std::uint64_t>(), entry[6].get<std::uint64_t>()});
    manifest.bytes += manifest.entries.back().size;
  }
  return manifest;
}

}  // namespace grid
