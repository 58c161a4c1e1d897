#include "core/registry/library.hpp"

#include <dlfcn.h>
#include <forward_list>
#include <mutex>

#include <boost/dll/library_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <set>

namespace grid {
namespace {

constexpr std::string_view section_prefix = "grid.abi.";
constexpr const char* rebuild = "rebuild it against the SDK of this grid";

tl::unexpected<Error> incompatible(const PluginFile& file, const std::string& why,
                                   std::string hint = rebuild) {
  return fail(Code::plugin_incompatible,
              plugin_id(file.kind, file.name) + " (" + file.path.string() + ") " + why, std::move(hint));
}

std::string text_or(const char* text, const char* otherwise) { return text != nullptr ? text : otherwise; }

bool is_option_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

// What is wrong with the options of a descriptor; empty: nothing.
std::string options_defect(const Descriptor& descriptor) {
  if (descriptor.option_count > 0 && descriptor.options == nullptr)
    return "has options without a list of them";
  std::set<std::string_view> names;
  for (const OptionSpec& spec : std::span(descriptor.options, descriptor.option_count)) {
    const std::string name(spec.name);
    if (!is_option_name(spec.name)) return "has an option with the malformed name '" + name + "'";
    if (!names.insert(spec.name).second) return "has the option '" + name + "' twice";
    if (spec.type == OptionType::list && spec.default_text.empty()) continue;
    if (auto value = parse_option(spec, spec.default_text); !value)
      return "has the option '" + name + "' with a default that does not hold: " + value.error().message;
  }
  return {};
}

Result<> check_descriptor(const PluginFile& file, const Descriptor& descriptor) {
  if (descriptor.size != sizeof(Descriptor))
    return incompatible(file, "has a descriptor of " + std::to_string(descriptor.size) +
                                  " bytes where this grid has " + std::to_string(sizeof(Descriptor)));
  if (descriptor.abi != GRID_ABI)
    return incompatible(file, "was built for plugin ABI " + std::to_string(descriptor.abi) +
                                  ", this grid speaks ABI " + std::to_string(GRID_ABI));
  const std::string fingerprint = text_or(descriptor.fingerprint, "nothing");
  if (fingerprint != GRID_FINGERPRINT)
    return incompatible(file, "was built with " + fingerprint + ", this grid with " GRID_FINGERPRINT,
                        "rebuild it with the compiler and the SDK of this grid");
  const std::string name = text_or(descriptor.name, "");
  if (descriptor.kind != file.kind || name != file.name)
    return incompatible(file, "says that it is " + plugin_id(descriptor.kind, name),
                        "name the file grid_" + std::string(to_string(descriptor.kind)) + "_" + name + ".so");
  if (descriptor.version == nullptr || descriptor.summary == nullptr || descriptor.sample_yaml == nullptr ||
      descriptor.make == nullptr || descriptor.destroy == nullptr)
    return incompatible(file, "has a descriptor with parts missing", "describe it by GRID_PLUGIN");
  if (const std::string defect = options_defect(descriptor); !defect.empty())
    return incompatible(file, defect, "correct its list of options");
  return {};
}

}  // namespace

Result<> check_abi(const PluginFile& file) {
  std::vector<std::string> sections;
  try {
    sections = boost::dll::library_info(file.path.string()).sections();
  } catch (const std::exception&) {
    return incompatible(file, "is no shared object of this machine", "replace or remove it");
  }
  std::string other;
  for (const std::string& section : sections) {
    if (section == GRID_ABI_SECTION) return {};
    if (section.starts_with(section_prefix)) other = section.substr(section_prefix.size());
  }
  if (other.empty())
    return incompatible(file, "carries no plugin ABI number, this grid speaks ABI " GRID_STRINGIZE(GRID_ABI),
                        "build it against the SDK, with GRID_PLUGIN");
  return incompatible(
      file, "was built for plugin ABI " + other + ", this grid speaks ABI " GRID_STRINGIZE(GRID_ABI));
}

Result<const Descriptor*> open_library(const PluginFile& file) {
  boost::dll::fs::error_code error;
  // Left open on purpose: a closed library takes down whoever still holds one of its functions or exceptions.
  // Kept in a list that is never destroyed either, so that they stay reachable.
  static auto& kept = *new std::forward_list<boost::dll::shared_library>;
  static std::mutex list_mutex;  // not held while loading: an initialiser may hang
  boost::dll::shared_library* library = nullptr;
  {
    const std::scoped_lock lock(list_mutex);
    library = &kept.emplace_front();
  }
  library->load(file.path.string(), error,
                boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  if (error) {
    // Boost says "Bad file descriptor" whatever happened.
    const std::string why = text_or(::dlerror(), "for an unknown reason");
    return incompatible(file, "cannot be opened: " + why,
                        "link it against libgrid_sdk and what else it uses");
  }
  if (!library->has("grid_plugin_descriptor"))
    return incompatible(file, "has no entry grid_plugin_descriptor", "describe it by GRID_PLUGIN");
  const auto& descriptor = library->get<const Descriptor>("grid_plugin_descriptor");
  if (auto fits = check_descriptor(file, descriptor); !fits) return fail(fits.error());
  return &descriptor;
}

}  // namespace grid
