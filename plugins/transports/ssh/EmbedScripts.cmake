# embed_scripts(FOLDER HEADER): every FOLDER/NAME.sh as `grid::ssh::scripts::NAME` in HEADER, without comments
# and indentation, for its bytes travel to each node. No script may hold a text in which a line's begin matters.

# The whole text is one pass of replacements: a list of lines would break at ';' and '['.
function(embed_scripts folder header)
  file(GLOB scripts CONFIGURE_DEPENDS ${folder}/*.sh)
  set(text "// Made by EmbedScripts.cmake from the folder scripts.\n#pragma once\n\n#include <string_view>\n\n")
  string(APPEND text "namespace grid::ssh::scripts {\n\n")
  foreach(script ${scripts})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
    get_filename_component(name ${script} NAME_WE)
    file(READ ${script} body)
    string(REGEX REPLACE "\n[ \t]+" "\n" body "\n${body}")
    string(REGEX REPLACE "\n#[^\n]*" "" body "${body}")
    string(REGEX REPLACE "\n\n+" "\n" body "${body}")
    string(REGEX REPLACE "^\n" "" body "${body}")
    string(APPEND text "inline constexpr std::string_view ${name} = R\"~(${body})~\";\n\n")
  endforeach()
  string(APPEND text "}  // namespace grid::ssh::scripts\n")
  # Written only when it differs, or everything would be built anew; file(CONFIGURE) would look into the text.
  set(before "")
  if(EXISTS ${header})
    file(READ ${header} before)
  endif()
  if(NOT text STREQUAL before)
    file(WRITE ${header} "${text}")
  endif()
endfunction()
