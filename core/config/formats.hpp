// What the texts of the configuration must look like. [any], constant data.
#pragma once

#include "core/config/schema.hpp"

namespace grid {

extern const TextFormat node_name_format;      // also of environments
extern const TextFormat plugin_name_format;    // threshold
extern const TextFormat plugin_key_format;     // policy.threshold
extern const TextFormat variable_name_format;  // LANG
extern const TextFormat variable_glob_format;  // LC_*
extern const TextFormat path_format;           // absolute, or ~/…
extern const TextFormat full_path_format;      // absolute, without . or .. in it
extern const TextFormat program_format;        // a name or glob of one, or an absolute path
extern const TextFormat word_format;           // not empty, no blanks

}  // namespace grid
