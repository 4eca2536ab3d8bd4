# glass_embed(glass_model data/names.txt): the bytes of a file as an include, <build>/generated/data/names.txt.inc, made
# again whenever the file changes. The program then holds the file:  const char kNames[] = {
#                                                                    #include "data/names.txt.inc"
#                                                                    };
# It is written as one string, which compilers read thirty times as fast as a list of bytes; so a 0 stands behind it.
# Run as a script (cmake -D FROM=... -D TO=... -P embed.cmake) it does the writing.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${FROM} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
  string(REGEX REPLACE "(.x0a)" "\\1\"\n\"" bytes "${bytes}")
  file(WRITE ${TO} "\"${bytes}\"\n")
  return()
endif()

set(GLASS_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(glass_embed target file)
  glass_embed_bytes(${target} ${CMAKE_SOURCE_DIR}/${file} ${file})
endfunction()

# glass_embed_generated(glass_kernels kernels/gpu/all.text): the same for what the build has written to
# <build>/generated/kernels/gpu/all.text.
function(glass_embed_generated target file)
  glass_embed_bytes(${target} ${CMAKE_BINARY_DIR}/generated/${file} ${file})
endfunction()

function(glass_embed_bytes target from file)
  set(to ${CMAKE_BINARY_DIR}/generated/${file}.inc)
  add_custom_command(OUTPUT ${to} DEPENDS ${from} ${GLASS_EMBED_SCRIPT}
    COMMAND ${CMAKE_COMMAND} -D FROM=${from} -D TO=${to} -P ${GLASS_EMBED_SCRIPT}
    COMMENT "Embedding ${file}" VERBATIM)
  target_sources(${target} PRIVATE ${to})
endfunction()

# glass_embed_list(glass_tools tools/sources "" model/gpt.cpp ...): these files, and <build>/generated/tools/sources.inc, a
# list of them by the names that they have in the folder, or by their paths where it is "":
#   const char kBytes0[] = { ... };   const EmbeddedFile kFiles[] = { {"model/gpt.cpp", {kBytes0, sizeof kBytes0 - 1}}, ... };
function(glass_embed_list target list folder)
  set(bytes "")
  set(rows "")
  set(number 0)
  foreach(name IN LISTS ARGN)
    set(file ${name})
    if(folder)
      set(file ${folder}/${name})
    endif()
    glass_embed(${target} ${file})
    string(APPEND bytes "const char kBytes${number}[] = {\n#include \"${file}.inc\"\n};\n")
    string(APPEND rows "  {\"${name}\", {kBytes${number}, sizeof kBytes${number} - 1}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${list}.inc CONTENT "${bytes}const EmbeddedFile kFiles[] = {\n${rows}};\n" @ONLY)
endfunction()

# glass_embed_folder(glass_tools tools/web): all files of a folder but its notes, as <build>/generated/tools/web.inc. A
# file that is new in the folder is found when the build is started again.
function(glass_embed_folder target folder)
  file(GLOB files LIST_DIRECTORIES false CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/${folder}
    ${CMAKE_SOURCE_DIR}/${folder}/*)
  list(FILTER files EXCLUDE REGEX "\\.md$")
  glass_embed_list(${target} ${folder} ${folder} ${files})
endfunction()
