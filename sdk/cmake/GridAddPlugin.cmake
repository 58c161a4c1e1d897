# grid_add_plugin(KIND NAME SOURCES file...): the target grid_<kind>_<name>, a shared object of that name as the host expects it.
# KIND is policy, transport, metrics or renderer; NAME is [a-z0-9_]. More libraries: target_link_libraries(grid_<kind>_<name> …).
function(grid_add_plugin kind name)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  if(NOT kind MATCHES "^(policy|transport|metrics|renderer)$")
    message(FATAL_ERROR "grid_add_plugin: the kind is policy, transport, metrics or renderer, not '${kind}'")
  endif()
  if(NOT name MATCHES "^[a-z0-9_]+$")
    message(FATAL_ERROR "grid_add_plugin: the name is of a-z, 0-9 and _, not '${name}'")
  endif()
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "grid_add_plugin: no SOURCES given")
  endif()
  set(target grid_${kind}_${name})
  add_library(${target} MODULE ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE GridSdk::sdk)
  set_target_properties(${target} PROPERTIES PREFIX "" SUFFIX ".so" CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  # A symbol that is missing is an error here and not at the user's; a library that was opened stays.
  target_link_options(${target} PRIVATE -Wl,-z,nodelete -Wl,-z,defs)
endfunction()
